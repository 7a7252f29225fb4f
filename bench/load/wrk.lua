-- The wrk side of the load bench. Arguments: method, bytes of body, number of routes to walk over (0: the URL as given).
-- Prints one JSON line at the end; bench/load/wrk.ts reads it.

function init(args)
  local method, bytes, routes = args[1], tonumber(args[2]), tonumber(args[3])
  wrk.method = method
  if bytes > 0 then
    wrk.body = string.rep("x", bytes)
    wrk.headers["Content-Type"] = "application/octet-stream"
  end
  if routes == 0 then return end
  -- Every route in turn, with a stride that shares no factor with the counts in use, so that neighbours are not neighbours.
  local requests, at = {}, 0
  for i = 0, routes - 1 do
    requests[i] = wrk.format(method, string.format("/service-%05d/items/%d", i, i))
  end
  request = function()
    at = (at + 7919) % routes
    return requests[at]
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'JSON {"requests":%d,"durationUs":%d,"bytes":%d,"p50Us":%d,"p99Us":%d,"maxUs":%d,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99), latency.max,
    e.connect, e.read, e.write, e.timeout, e.status))
end
