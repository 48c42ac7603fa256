-- Forgets a thing, or puts another in its place, and tells all processes.
-- KEYS: the thing, its mark. ARGV: the new mark, how long it stays (ms), the channel, the message[, the thing, how long it stays (ms)]
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[3], ARGV[4])
-- A Redis without memory left refuses this, but also every SET that the mark would have to prevent.
redis.pcall('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
if ARGV[5] then
  redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[6])
end
