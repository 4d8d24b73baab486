-- SPDX-License-Identifier: Apache-2.0
-- A hundred of the events of single.lua a request, as lines.
local event = '{"session_id":123,"event_type":"review_started","payload":{"code_language":"python",'
    .. '"file_count":3,"user_agent":"VSCode/1.74.0","pad":"' .. string.rep("p", 150) .. '"}}\n'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-ndjson"
wrk.body = string.rep(event, 100)
