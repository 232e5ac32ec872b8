-- Marks the ids of a batch as seen and appends the batch: both or neither.
--
-- KEYS  1 raw stream  2 dead letter stream
--       3, 4, 5 ids of this window, of the last one and of the next one
--       6, 7, 8 idempotency keys of this window, of the last one and of the next one
-- ARGV  1 batch id  2 now, ms  3 dedupe window, ms  4 event uuids (16 bytes each)
--       5 fingerprints (4 bytes each)  6 idempotency uuids (16 bytes each, or empty)
--       7 idempotency window, ms  8 payload  9 dead letters  10 traceparent
--       11 most entries in either stream  12 size of the payload, decompressed  13 mark
--
-- An id is kept in the hash of the window in which it was first seen, with the mark and the fingerprint
-- as value. The mark is the batch id, or the batch's own like it. It begins like a UUIDv7, so it also
-- tells when: an id of the last window that is older than the window counts as new. The same mark again
-- means that the answer to the first
-- call was lost: the batch is already appended. The next window is looked at because another replica's
-- clock may be ahead.
--
-- Returns {positions seen before (from 0), those of them that had another fingerprint}, or nil if the
-- backlog is full.
redis.replicate_commands() -- Redis 6; the only way since Redis 7: the AOF gets effects, not the script

local batch_id, now, payload, dead_letters = ARGV[1], tonumber(ARGV[2]), ARGV[8], ARGV[9]
local own_mark, none = ARGV[13], string.rep('\0', 16)

local most = tonumber(ARGV[11])
if redis.call('XLEN', KEYS[1]) >= most
  or (dead_letters ~= '' and redis.call('XLEN', KEYS[2]) >= most) then
  return nil
end

local function first_seen(value)
  local ms = 0
  for i = 1, 6 do
    ms = ms * 256 + string.byte(value, i)
  end
  return ms
end

local duplicate, conflicts, repeated = {}, {}, false
local marks = {} -- {hash, window, new ids and their values}, written at the end

local function mark(first_key, window, uuids, fingerprints)
  local ids, count = {}, #uuids / 16
  for i = 1, count do
    ids[i] = string.sub(uuids, 16 * i - 15, 16 * i)
  end
  local current = KEYS[first_key]
  local known = redis.call('HMGET', current, unpack(ids))
  for other = first_key + 1, first_key + 2 do
    if redis.call('EXISTS', KEYS[other]) == 1 then
      local found = redis.call('HMGET', KEYS[other], unpack(ids))
      for i = 1, count do
        if not known[i] and found[i] and first_seen(found[i]) > now - window then
          known[i] = found[i]
        end
      end
    end
  end
  local fresh, n, in_batch = {}, 0, {}
  for i = 1, count do
    local value = known[i]
    local fingerprint = string.sub(fingerprints, 4 * i - 3, 4 * i)
    if ids[i] == none or duplicate[i] then
      -- no key, or already known by its id
    elseif in_batch[ids[i]] then
      -- two events of one batch with the same idempotency key
      duplicate[i] = true
      if in_batch[ids[i]] ~= fingerprint then
        conflicts[#conflicts + 1] = i - 1
      end
    elseif not value then
      fresh[n + 1], fresh[n + 2] = ids[i], own_mark .. fingerprint
      n = n + 2
      in_batch[ids[i]] = fingerprint
    elseif string.sub(value, 1, 16) == own_mark then
      repeated = true
      in_batch[ids[i]] = fingerprint
    else
      duplicate[i] = true
      if string.sub(value, 17) ~= fingerprint then
        conflicts[#conflicts + 1] = i - 1
      end
    end
  end
  if n > 0 then
    marks[#marks + 1] = { current, window, fresh }
  end
end

local count = #ARGV[4] / 16
if count > 0 then
  mark(3, tonumber(ARGV[3]), ARGV[4], ARGV[5])
  if ARGV[6] ~= '' then
    mark(6, tonumber(ARGV[7]), ARGV[6], ARGV[5])
  end
end

local positions = {}
for i = 1, count do
  if duplicate[i] then
    positions[#positions + 1] = i - 1
  end
end
if not repeated then
  if #positions < count then
    redis.call('XADD', KEYS[1], '*',
      'batch', payload, 'trace', ARGV[10], 'skip', table.concat(positions, ','),
      'id', batch_id, 'size', ARGV[12])
  end
  if dead_letters ~= '' then
    redis.call('XADD', KEYS[2], '*', 'batch', dead_letters)
  end
end
-- Last, because Redis does not undo what a script has done before it fails: a batch that is appended and
-- not marked may come again and is stored once all the same; one that is marked and not appended is lost.
for _, mark in ipairs(marks) do
  redis.call('HSET', mark[1], unpack(mark[3]))
  if redis.call('PTTL', mark[1]) < 0 then
    -- Needed until the next window ends, and a little longer, because a replica's clock may be ahead.
    redis.call('PEXPIRE', mark[1], 2 * mark[2] + 600000)
  end
end
return { positions, conflicts }
