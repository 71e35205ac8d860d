"""The scripts that the store runs: each is one step for all replicas, timed by the store's own clock.

A script names one key, so that a cluster can run it too. Times are microseconds; the store's numbers are
exact up to 2**53, and the present is at 2**51.
"""

from __future__ import annotations

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""

TAKE_SLOT = (
    _NOW
    + """
-- KEYS[1]: when the next slot is due. ARGV: interval, burst, longest wait (0: refuse at once).
-- Returns {1, wait, due} for an admission that begins after `wait`; {0, wait, 0} for a refusal.
local interval = tonumber(ARGV[1])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local wait = math.max(0, due - (tonumber(ARGV[2]) - 1) * interval - now)
if wait > tonumber(ARGV[3]) then return {0, wait, 0} end
due = due + interval
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1000)
return {1, wait, due}
"""
)
"""A rate limit by the generic cell rate algorithm: one number for each limit, whatever the rate."""

GIVE_SLOT_BACK = """
-- ARGV: interval, and the due time that the admission returned: only the latest can be taken back.
local due = redis.call('GET', KEYS[1])
if not due or tonumber(due) ~= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], string.format('%.0f', tonumber(due) - tonumber(ARGV[1])), 'KEEPTTL')
return 1
"""

TAKE_PLACE = (
    _NOW
    + """
-- KEYS[1]: leases by the time they end. ARGV: places, lease, life of a lease. Returns whether it was taken.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), ARGV[2])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[3] / 1000) + 1000)
return 1
"""
)
"""A place among those of all replicas. Its lease ends by itself when the replica that holds it is gone."""

RENEW_PLACES = (
    _NOW
    + """
-- ARGV: life of a lease, then leases. One that had ended is taken again: its request still runs.
for at = 2, #ARGV do redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[1]), ARGV[at]) end
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[1] / 1000) + 1000)
return #ARGV - 1
"""
)

LEAVE_PLACE = "return redis.call('ZREM', KEYS[1], ARGV[1])"

SPEND = """
-- KEYS[1]: what was spent of one budget in one period, by process. ARGV: process, its nano-AIU, its requests,
-- Unix time of the period's end, what was spent before the first process counted: nano-AIU, requests.
-- A process tells its whole sum each time, so that telling it twice changes nothing. Returns all sums.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'nano:before', ARGV[5], 'requests:before', ARGV[6])
end
redis.call('HSET', KEYS[1], 'nano:' .. ARGV[1], ARGV[2], 'requests:' .. ARGV[1], ARGV[3])
redis.call('EXPIREAT', KEYS[1], tonumber(ARGV[4]) + 86400)
local nano, requests = 0, 0
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  if string.sub(all[at], 1, 5) == 'nano:' then nano = nano + all[at + 1]
  else requests = requests + all[at + 1] end
end
return {nano, requests}
"""

REPLACE_TEXT = """
-- ARGV: the text that is expected (empty: none), the new one. Returns whether it was replaced.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
"""How client keys change: two who change them at once cannot undo each other's change."""

ALL = (TAKE_SLOT, GIVE_SLOT_BACK, TAKE_PLACE, RENEW_PLACES, LEAVE_PLACE, SPEND, REPLACE_TEXT)
