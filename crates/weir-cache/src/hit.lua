-- Counts a hit in a sliding window if it is let in: `Counts::fit` by the server's clock.
-- KEYS: the counter. ARGV: the length of the window (ms), the limit, the cost
local time = redis.call('TIME')
local length, limit, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, elapsed = math.floor(now / length), now % length
local counter = redis.call('HMGET', KEYS[1], 'window', 'previous', 'current')
local at, previous, current = tonumber(counter[1] or 0), tonumber(counter[2] or 0), tonumber(counter[3] or 0)
if at ~= window then
  previous = at == window - 1 and current or 0
  current = 0
end
local allowed = previous * (length - elapsed) + (current + cost) * length <= limit * length
if allowed then
  current = current + cost
  redis.call('HSET', KEYS[1], 'window', window, 'previous', previous, 'current', current)
  redis.call('PEXPIRE', KEYS[1], 2 * length)
end
return { allowed and 1 or 0, previous, current, elapsed }
