-- Keeps what was loaded, unless the thing was changed since the load began.
-- KEYS: the thing, its mark. ARGV: the mark as it was, the thing, how long it stays (ms)
if (redis.call('GET', KEYS[2]) or '') == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
