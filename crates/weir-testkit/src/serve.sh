# Runs a server for as long as the test process lives.
#
# Standard input is a pipe from the test process. A line on it is an order: `start`, answered with the server's process
# id, or a signal to end the server with, answered with `stopped` when it is gone. The end of the pipe, however the
# test process ended, ends the server and removes its folder.
#
# usage: serve.sh FOLDER LAST-SIGNAL SERVER-COMMAND...
folder=$1
last_signal=$2
shift 2
server=

while read -r order; do
    if [ "$order" = start ]; then
        # Emptied before the answer: nobody shall take the words of the last run for those of this one.
        : >"$folder/server.log"
        "$@" </dev/null >>"$folder/server.log" 2>&1 &
        server=$!
        echo "$server"
    else
        kill -s "$order" "$server"
        wait "$server"
        server=
        echo stopped
    fi
done
# Again and again: a server that has only just been started may not hear it yet.
while [ -n "$server" ] && kill -s "$last_signal" "$server"; do
    sleep 0.02
done
rm -rf "$folder"
