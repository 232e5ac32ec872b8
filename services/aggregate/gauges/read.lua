-- How many are there now.
--
-- KEYS  1 what all keys of the app's gauges begin with
-- ARGV  1 now, µs  2 JSON: for each gauge {key, silence, µs, group}; group is null for all of them
--
-- Returns for each gauge nil if it has not been rebuilt since Redis began, else
-- {in all, in groups that are not counted apart, group, count, group, count, ...} without zeros; for one group
-- {count, in groups that are not counted apart}.
local base, now = KEYS[1], tonumber(ARGV[1])
-- Redis may come back with an older copy of its data, or with none.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')

local found = {}
for index, each in ipairs(cjson.decode(ARGV[2])) do
  local key, group = base .. each[1], each[3]
  local after = '(' .. string.format('%.0f', now - each[2])
  local function count(name)
    return redis.call('ZCOUNT', key .. name, after, '+inf')
  end
  if redis.call('GET', key .. ':ready') ~= run then
    found[index] = false
  elseif group ~= cjson.null then
    found[index] = {count(':at:' .. group), count(':other')}
  else
    local answer = {count(':all'), count(':other')}
    for _, name in ipairs(redis.call('ZRANGEBYSCORE', key .. ':places', after, '+inf')) do
      local there = count(':at:' .. name)
      if there > 0 then
        answer[#answer + 1], answer[#answer + 2] = name, there
      end
    end
    found[index] = answer
  end
end
return found
