-- Removes the consumers of a group that are gone: none of their entries is pending, and they have asked for nothing
-- for a long time. In one script, because a consumer that is only slow may read between a look and a removal, and
-- with it what it just read would be forgotten.
--
-- KEYS  1 stream
-- ARGV  1 group  2 least idle time, ms
--
-- Returns how many were removed.
redis.replicate_commands() -- Redis 6: this writes after reading what differs between replicas

local removed = 0
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local about = {}
  for i = 1, #consumer, 2 do
    about[consumer[i]] = consumer[i + 1]
  end
  if about['pending'] == 0 and about['idle'] >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], about['name'])
    removed = removed + 1
  end
end
return removed
