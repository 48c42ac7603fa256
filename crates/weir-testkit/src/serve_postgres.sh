# Runs a PostgreSQL server for as long as the test process lives.
#
# Standard input is a pipe from the test process. A line on it is a signal to stop the server with; its end, however
# the test process ended, stops the server and removes its folder.
#
# usage: serve_postgres.sh FOLDER SERVER-COMMAND...
folder=$1
shift
"$@" </dev/null >"$folder/server.log" 2>&1 &
server=$!
if read -r signal; then
    kill -s "$signal" "$server"
    wait "$server"
else
    kill -s QUIT "$server"
    wait "$server"
    rm -rf "$folder"
fi
