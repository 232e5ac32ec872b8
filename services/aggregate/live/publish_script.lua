-- Brings the live cells of one app up to date and tells the watchers.
--
-- KEYS[1]  hash of the app's cells in the newest bucket of each rollup. Fields: `@rollup` holds the
--          start of that bucket; `rollup:cell id` holds "version JSON".
-- ARGV[1]  channel, ARGV[2] message, ARGV[3] seconds after which an untouched hash goes.
-- ARGV[4+] rollup, bucket start, cell id, version, JSON; and so on.
local hash = KEYS[1]
local newest = {}

local function forget(rollup)
  local prefix = rollup .. ':'
  for _, field in ipairs(redis.call('HKEYS', hash)) do
    if string.sub(field, 1, #prefix) == prefix then redis.call('HDEL', hash, field) end
  end
end

for i = 4, #ARGV, 5 do
  local rollup, bucket = ARGV[i], tonumber(ARGV[i + 1])
  local current = newest[rollup] or tonumber(redis.call('HGET', hash, '@' .. rollup) or '-inf')
  if bucket > current then
    forget(rollup)
    redis.call('HSET', hash, '@' .. rollup, ARGV[i + 1])
    current = bucket
  end
  newest[rollup] = current
  if bucket == current then
    local field = rollup .. ':' .. ARGV[i + 2]
    local old = redis.call('HGET', hash, field)
    -- A publisher that was overtaken after its commit comes with an older version.
    if not old or tonumber(string.match(old, '^%d+')) < tonumber(ARGV[i + 3]) then
      redis.call('HSET', hash, field, ARGV[i + 3] .. ' ' .. ARGV[i + 4])
    end
  end
end
redis.call('EXPIRE', hash, ARGV[3])
redis.call('PUBLISH', ARGV[1], ARGV[2])
