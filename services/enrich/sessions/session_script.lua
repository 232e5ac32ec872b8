-- Says of sessions whether an earlier beginning than the given one is known, and remembers the earlier one.
--
-- KEYS  1 hash of this window  2 hash of the last one
-- ARGV  1 seconds until this window's hash expires; empty to remember nothing
--       2 a JSON array with each session's id followed by its beginning, which is a text: a JSON array of
--       started_at_us, landing page, referrer
--
-- One text instead of an argument for each, which the client would pack one by one. Returns for each session
-- the beginning that was known, or nil if the given one is earlier.
--
-- Which of two beginnings counts is decided as `begins_before` in steps/session.py does: the one that started
-- first; of the same time, the one with the greater page, then the greater referrer.
-- tests/integration/enrich/test_session_order.py compares the two.
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

local function earlier(value, other)
  if not value or (other and begins_before(other, value)) then
    return other
  end
  return value
end

local given = cjson.decode(ARGV[2])
local has_last = redis.call('EXISTS', KEYS[2]) == 1
local found = {}
for first = 1, #given, 2 * SLICE do
  local ids = {}
  for i = first, math.min(first + 2 * SLICE, #given + 1) - 2, 2 do
    ids[#ids + 1] = given[i]
  end
  local current = redis.call('HMGET', KEYS[1], unpack(ids))
  -- A replica whose clock is behind may have written an earlier beginning there.
  local last = has_last and redis.call('HMGET', KEYS[2], unpack(ids)) or {}
  local changed = {}
  for place, id in ipairs(ids) do
    local value = given[first + 2 * place - 1]
    local known = earlier(current[place], last[place])
    if known and not begins_before(value, known) then
      found[#found + 1] = known
      value = known
    else
      found[#found + 1] = false
    end
    if value ~= current[place] then
      changed[#changed + 1] = id
      changed[#changed + 1] = value
    end
  end
  if ARGV[1] ~= '' and #changed > 0 then
    redis.call('HSET', KEYS[1], unpack(changed))
  end
end
if ARGV[1] ~= '' then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return found
