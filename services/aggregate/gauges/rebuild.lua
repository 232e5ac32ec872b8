-- Goes on with the rebuild of a gauge, or ends it so that the gauge is read.
--
-- KEYS  1 the gauge's
-- ARGV  1 token of the rebuild  2 run of Redis in which it began  3 how long it goes on, ms
--       4 how long the gauge is ready, ms; 0 to go on
--
-- Returns 1, or 0 if what was noted since it began is lost.
redis.replicate_commands() -- Redis 6; the only way since Redis 7
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local building, ready = KEYS[1] .. ':building', KEYS[1] .. ':ready'
if redis.call('GET', building) ~= ARGV[1] or run ~= ARGV[2] then
  return 0
end
if tonumber(ARGV[4]) > 0 then
  redis.call('SET', ready, run, 'PX', ARGV[4])
  redis.call('DEL', building)
else
  redis.call('PEXPIRE', building, ARGV[3])
end
return 1
