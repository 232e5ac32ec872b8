-- Takes in when people (or sessions) were last seen to be in groups, and to leave them.
--
-- KEYS  1 what all keys of the app's gauges begin with
-- ARGV  1 now, µs  2 most groups of a gauge that are counted apart
--       3 JSON: for each gauge {key, silence, µs, kind, entered, left}, where kind is
--         "seen" (nothing leaves), "stay" or "exclusive" (entering a group is leaving the others), and
--         entered and left are {group: {member: µs}}
--
-- Only the latest moments of a member count, so all of it may come in any order and more than once.
--
-- Keys of a gauge, all behind KEYS[1] .. key:
--   :all          ZSET  member -> since when not silent, of those who are in any group
--   :at:<group>   ZSET  the same for one group, if the gauge has groups
--   :other        ZSET  those who are in a group that is not counted apart
--   :places       ZSET  groups that are counted apart -> the latest moment of an event there
--   :stays        HASH  member -> MessagePack of {group, entered, left, group, ...}, unless kind is "seen"
--   :touched      ZSET  members in :stays -> the latest moment of an event of theirs
-- The first command that writes removes something, so that Redis does not refuse the script when it is full:
-- else counting would wait for space, and the streams that take the space for counting.
redis.replicate_commands() -- Redis 6; the only way since Redis 7

local base, now, most_groups = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local groups_of_one = 32 -- of a member that is remembered at the same time
local part = 1000        -- values in one command
local margin_us = 3600 * 1000000 -- moments may be in the future by the catalog's `max_future`

local function number(value)
  return string.format('%.0f', value)
end

local function trim(key, horizon)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', number(horizon))
end

local function keep(key, silence)
  redis.call('PEXPIRE', key, number((2 * silence + margin_us) / 1000))
end

-- Groups are counted apart in the order in which they come, until there are too many.
local function note_groups(gauge, horizon, latest)
  local key = gauge.key .. ':places'
  trim(key, horizon)
  local count = redis.call('ZCARD', key)
  local apart = {}
  for group, moment in pairs(latest) do
    if moment > horizon then
      if redis.call('ZSCORE', key, group) then
        redis.call('ZADD', key, 'GT', number(moment), group)
        apart[group] = true
      elseif count < most_groups then
        redis.call('ZADD', key, number(moment), group)
        count = count + 1
        apart[group] = true
      end
    end
  end
  keep(key, gauge.silence)
  return apart
end

local function is_apart(gauge, apart, group)
  if apart[group] == nil then
    apart[group] = redis.call('ZSCORE', gauge.key .. ':places', group) and true or false
  end
  return apart[group]
end

local function add_all(key, members, horizon, silence)
  local arguments = {}
  for member, moment in pairs(members) do
    arguments[#arguments + 1] = number(moment)
    arguments[#arguments + 1] = member
    if #arguments >= part then
      redis.call('ZADD', key, 'GT', unpack(arguments))
      arguments = {}
    end
  end
  if #arguments > 0 then
    redis.call('ZADD', key, 'GT', unpack(arguments))
  end
  trim(key, horizon)
  keep(key, silence)
end

local function latest_by_group(...)
  local latest = {}
  for _, groups in ipairs({...}) do
    for group, members in pairs(groups) do
      if group ~= '' then
        for _, moment in pairs(members) do
          latest[group] = math.max(latest[group] or 0, moment)
        end
      end
    end
  end
  return latest
end

local function write_seen(gauge)
  local horizon = now - gauge.silence
  local apart = note_groups(gauge, horizon, latest_by_group(gauge.entered))
  for group, members in pairs(gauge.entered) do
    add_all(gauge.key .. ':all', members, horizon, gauge.silence)
    if group ~= '' then
      local key = apart[group] and gauge.key .. ':at:' .. group or gauge.key .. ':other'
      add_all(key, members, horizon, gauge.silence)
    end
  end
end

-- {member: {group: {entered, left}}} of what is new.
local function by_member(gauge)
  local found = {}
  for index, groups in ipairs({gauge.entered, gauge.left}) do
    for group, members in pairs(groups) do
      for member, moment in pairs(members) do
        local of_member = found[member] or {}
        found[member] = of_member
        of_member[group] = of_member[group] or {0, 0}
        of_member[group][index] = moment
      end
    end
  end
  return found
end

local function remembered(gauge, member)
  local stays = {}
  local packed = redis.call('HGET', gauge.key .. ':stays', member)
  if packed then
    local flat = cmsgpack.unpack(packed)
    for i = 1, #flat, 3 do
      stays[flat[i]] = {flat[i + 1], flat[i + 2]}
    end
  end
  return stays
end

-- What is still worth remembering, latest first; the rest is returned as groups to forget.
local function pack(stays, horizon)
  local order, forgotten = {}, {}
  for group, stay in pairs(stays) do
    if math.max(stay[1], stay[2]) > horizon then
      order[#order + 1] = group
    else
      forgotten[#forgotten + 1] = group
    end
  end
  table.sort(order, function(a, b)
    local at, bt = math.max(unpack(stays[a])), math.max(unpack(stays[b]))
    if at ~= bt then return at > bt end
    return a < b
  end)
  local flat, latest = {}, 0
  for index, group in ipairs(order) do
    if index > groups_of_one then
      forgotten[#forgotten + 1] = group
    else
      local stay = stays[group]
      flat[#flat + 1], flat[#flat + 2], flat[#flat + 3] = group, stay[1], stay[2]
      latest = math.max(latest, stay[1], stay[2])
    end
  end
  for _, group in ipairs(forgotten) do
    stays[group] = nil
  end
  return flat, latest, forgotten
end

local function set(key, member, since)
  if since > 0 then
    redis.call('ZADD', key, number(since), member)
  else
    redis.call('ZREM', key, member)
  end
end

local function write_member(gauge, member, news, horizon, apart)
  local stays = remembered(gauge, member)
  for group, stay in pairs(news) do
    local known = stays[group] or {0, 0}
    stays[group] = {math.max(known[1], stay[1]), math.max(known[2], stay[2])}
  end
  local flat, latest, forgotten = pack(stays, horizon)
  if #flat == 0 then
    redis.call('HDEL', gauge.key .. ':stays', member)
    redis.call('ZREM', gauge.key .. ':touched', member)
  else
    redis.call('HSET', gauge.key .. ':stays', member, cmsgpack.pack(flat))
    redis.call('ZADD', gauge.key .. ':touched', number(latest), member)
  end
  local newest, newest_group = 0, nil -- where the member entered last
  for group, stay in pairs(stays) do
    if stay[1] > newest or (stay[1] == newest and newest_group and group > newest_group) then
      newest, newest_group = stay[1], group
    end
  end
  local all, other = 0, 0
  for group, stay in pairs(stays) do
    local is_there = stay[1] > stay[2] and (gauge.kind ~= 'exclusive' or group == newest_group)
    local since = is_there and stay[1] or 0
    all = math.max(all, since)
    if group ~= '' then
      if is_apart(gauge, apart, group) then
        set(gauge.key .. ':at:' .. group, member, since)
      else
        other = math.max(other, since)
      end
    end
  end
  for _, group in ipairs(forgotten) do
    if group ~= '' then
      redis.call('ZREM', gauge.key .. ':at:' .. group, member)
    end
  end
  set(gauge.key .. ':all', member, all)
  set(gauge.key .. ':other', member, other)
end

local function forget_silent(gauge, horizon)
  local key = gauge.key .. ':touched'
  local silent = redis.call('ZRANGEBYSCORE', key, '-inf', number(horizon), 'LIMIT', 0, part)
  if #silent > 0 then
    redis.call('HDEL', gauge.key .. ':stays', unpack(silent))
    redis.call('ZREM', key, unpack(silent))
  end
end

local function write_stays(gauge)
  local horizon = now - gauge.silence
  local latest = latest_by_group(gauge.entered, gauge.left)
  local apart = note_groups(gauge, horizon, latest)
  for member, news in pairs(by_member(gauge)) do
    write_member(gauge, member, news, horizon, apart)
  end
  forget_silent(gauge, horizon)
  for group in pairs(latest) do
    trim(gauge.key .. ':at:' .. group, horizon)
    keep(gauge.key .. ':at:' .. group, gauge.silence)
  end
  for _, name in ipairs({':all', ':other'}) do
    trim(gauge.key .. name, horizon)
  end
  for _, name in ipairs({':all', ':other', ':stays', ':touched'}) do
    keep(gauge.key .. name, gauge.silence)
  end
end

for _, each in ipairs(cjson.decode(ARGV[3])) do
  local gauge = {
    key = base .. each[1], silence = each[2], kind = each[3], entered = each[4], left = each[5]
  }
  if gauge.kind == 'seen' then
    write_seen(gauge)
  else
    write_stays(gauge)
  end
end
return 1
