-- SPDX-License-Identifier: Apache-2.0
-- POSTs the bodies of the file BENCH_BODIES, which are separated by NULs, as BENCH_CONTENT_TYPE. One body
-- is made into a request once and costs nothing more; of several each request takes the next.
local file = assert(io.open(os.getenv("BENCH_BODIES"), "rb"))
local bodies = {}
for body in file:read("*a"):gmatch("[^%z]+") do bodies[#bodies + 1] = body end
file:close()

wrk.method = "POST"
wrk.headers["Content-Type"] = os.getenv("BENCH_CONTENT_TYPE")
wrk.body = bodies[1]

function init()
    if #bodies == 1 then return end
    local requests, next = {}, 0
    for i, body in ipairs(bodies) do requests[i] = wrk.format(nil, nil, nil, body) end
    function request()
        next = next % #requests + 1
        return requests[next]
    end
end
