-- SPDX-License-Identifier: Apache-2.0
-- One review event a request, about 300 bytes; the same for every system.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"session_id":123,"event_type":"review_started","payload":{"code_language":"python",'
    .. '"file_count":3,"user_agent":"VSCode/1.74.0","pad":"' .. string.rep("p", 150) .. '"}}'
