-- SPDX-License-Identifier: Apache-2.0
-- POSTs the lines of the file HOLDFAST_BODY.
local file = assert(io.open(os.getenv("HOLDFAST_BODY"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/x-ndjson"
file:close()
