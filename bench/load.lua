-- For wrk: POSTs the lines of $BODIES in turn, from the line after $FIRST on, and writes what came of it as one line of JSON.

local bodies, position = {}, tonumber(os.getenv("FIRST"))

function init()
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
  wrk.headers["authorization"] = os.getenv("AUTHORIZATION")
  for line in io.lines(os.getenv("BODIES")) do
    bodies[#bodies + 1] = line
  end
  if #bodies == 1 then
    bodies[1] = wrk.format(nil, nil, nil, bodies[1])
    request = function() return bodies[1] end
  end
end

function request()
  position = position % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[position])
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"bytes":%d,"p50":%.0f,"p99":%.0f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
