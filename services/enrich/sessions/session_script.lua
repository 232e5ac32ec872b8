-- Writes sessions into a window, each one only if it begins before the one that is there.
--
-- KEYS  1 hash of the window
-- ARGV  1 seconds until the hash expires, then for each session its id and its value: a JSON array of
--       started_at_us, landing page, referrer
--
-- Another replica may have written since the caller read. Which of two beginnings counts is decided as
-- `begins_before` in steps/session.py does: the one that started first; of the same time, the one with the
-- greater page, then the greater referrer. tests/integration/enrich/test_session_order.py compares the two.
redis.replicate_commands() -- Redis 6; the only way since Redis 7: the AOF gets effects, not the script

local SLICE = 1000 -- sessions at a time: Lua hands a function only some thousand arguments

-- Python's order of texts. Lua's `>` follows the server's locale.
local function is_greater(text, other)
  for i = 1, math.min(#text, #other) do
    local a, b = string.byte(text, i), string.byte(other, i)
    if a ~= b then
      return a > b
    end
  end
  return #text > #other
end

local function begins_before(value, other)
  local a, b = cjson.decode(value), cjson.decode(other)
  -- Microseconds are below 2^53, so Lua's doubles hold them exactly.
  if a[1] ~= b[1] then
    return a[1] < b[1]
  elseif a[2] ~= b[2] then
    return is_greater(a[2], b[2])
  end
  return is_greater(a[3], b[3])
end

for first = 2, #ARGV, 2 * SLICE do
  local last = math.min(first + 2 * SLICE, #ARGV + 1) - 2
  local ids = {}
  for i = first, last, 2 do
    ids[#ids + 1] = ARGV[i]
  end
  local known = redis.call('HMGET', KEYS[1], unpack(ids))
  local changed = {}
  for place, id in ipairs(ids) do
    local value = ARGV[first + 2 * place - 1]
    if not known[place] or begins_before(value, known[place]) then
      changed[#changed + 1] = id
      changed[#changed + 1] = value
    end
  end
  if #changed > 0 then
    redis.call('HSET', KEYS[1], unpack(changed))
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
