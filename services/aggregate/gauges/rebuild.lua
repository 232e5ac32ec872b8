-- Goes on with the rebuild of a gauge, or ends it so that the gauge is read.
--
-- KEYS  1 the gauge's
-- ARGV  1 token of the rebuild  2 run of Redis in which it began  3 how long it goes on, ms
--       4 how long the gauge is ready, ms; 0 to go on  5 how long to wait before it is read once more, ms
--
-- Keys: :ready lets it be read; :settled says that it was read once more, and :fresh that it is too early for that.
-- Returns 1, or 0 if what was noted since it began is lost.
redis.replicate_commands() -- Redis 6; the only way since Redis 7
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local building, ready = KEYS[1] .. ':building', KEYS[1] .. ':ready'
if redis.call('GET', building) ~= ARGV[1] or run ~= ARGV[2] then
  return 0
end
if tonumber(ARGV[4]) > 0 then
  local fresh, settled = KEYS[1] .. ':fresh', KEYS[1] .. ':settled'
  if redis.call('GET', ready) ~= run then
    redis.call('SET', ready, run, 'PX', ARGV[4])
    redis.call('SET', fresh, 1, 'PX', ARGV[5])
    redis.call('DEL', settled)
  elseif redis.call('EXISTS', fresh) == 0 then
    redis.call('SET', settled, run, 'PX', ARGV[4])
  end
  redis.call('DEL', building)
else
  redis.call('PEXPIRE', building, ARGV[3])
end
return 1
