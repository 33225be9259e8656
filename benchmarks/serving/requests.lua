-- Ask with one record after the other; print what came of it as one line of JSON.
-- Environment: RECORDS, a file with a JSON body on each line, or nothing for plain GETs; KEY, the access key.
local bodies = {}
if os.getenv("RECORDS") then
    for line in io.lines(os.getenv("RECORDS")) do bodies[#bodies + 1] = line end
end
local headers = {["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. (os.getenv("KEY") or "")}
local number = 0

function request()
    if #bodies == 0 then return wrk.format("GET", nil, {}) end
    number = number % #bodies + 1
    return wrk.format("POST", nil, headers, bodies[number])
end

function done(summary, latency, _)
    local errors = summary.errors
    print(string.format(
        '{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "errors": %d}',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout
    ))
end
