-- What no format of Envoy knows: the host without its port, the query without secrets, and answers by the request's origin.
local function decoded(text)
  return (text:gsub("%+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function redacted(text)
  return (text:gsub("([^?&;#=]+)=([^&;#]*)", function(name)
    if secrets[decoded(name)] then return name .. "=REDACTED" end
  end))
end

-- Text that does not end its quotes.
local function plain(text)
  return (text:gsub('[\\"]', function(c) return string.format("\\x%02X", c:byte()) end))
end

local function bare(authority)
  return (authority:gsub(":%d+$", ""):gsub("%.$", "")):lower()
end

local function bare_ip(address)
  return (address:gsub(":%d+$", ""):gsub("[%[%]]", ""))
end

local function contains(list, text)
  for _, one in ipairs(list or {}) do
    if one == text then return true end
  end
  return false
end

local function read(handle)
  local headers = handle:headers()
  local known = handle:streamInfo():dynamicMetadata()
  local target = headers:get(":path") or "/"
  local path, query = target:match("^([^?]*)%??(.*)$")
  known:set("wsgen", "host", bare(headers:get(":authority") or ""))
  known:set("wsgen", "uri", target)
  known:set("wsgen", "path", path)
  known:set("wsgen", "query", query)
  known:set("wsgen", "asked", target:find("?", 1, true) and "?" .. query or "")
  known:set("wsgen", "method", headers:get(":method") or "")
  known:set("wsgen", "safe", redacted(query))
  known:set("wsgen", "safe_uri", plain(path .. (query ~= "" and "?" .. redacted(query) or "")))
  known:set("wsgen", "referer", redacted(headers:get("referer") or ""))
  known:set("wsgen", "referer_text", plain(redacted(headers:get("referer") or "")))
  known:set("wsgen", "agent_text", plain(headers:get("user-agent") or ""))
  local origin = headers:get("origin")
  if origin then known:set("wsgen", "origin", origin) end
  local wanted = handle:metadata():get("cookies")
  if wanted then
    for number, name in ipairs(wanted) do
      for pair in (headers:get("cookie") or ""):gmatch("[^;]+") do
        local key, value = pair:match("^%s*([^=]*)=(.*)$")
        if key == name then
          known:set("wsgen", "cookie" .. number, value)
          break
        end
      end
    end
  end
  wanted = handle:metadata():get("parameters")
  if wanted then
    for number, name in ipairs(wanted) do
      for pair in query:gmatch("[^&]+") do
        local key, value = pair:match("^([^=]*)=?(.*)$")
        if decoded(key) == name then
          known:set("wsgen", "parameter" .. number, (decoded(value):gsub("%c", "")))
          break
        end
      end
    end
  end
  if behind_proxies then
    local peer = headers:get("x-wsgen-peer") or ""
    headers:remove("x-wsgen-peer")
    local list = headers:get("x-forwarded-for")
    if list then headers:replace("x-wsgen-list", list) end
    -- Whoever is the client itself is no proxy: what it says of others does not count.
    if list and peer ~= bare_ip(handle:streamInfo():downstreamRemoteAddress()) then
      headers:replace("x-forwarded-for", list:gsub("%s*,%s*", ", ") .. ", " .. peer)
    else
      headers:replace("x-forwarded-for", peer)
    end
  end
end

local function from_elsewhere(handle)
  local headers = handle:headers()
  local origin = headers:get("origin")
  if not handle:metadata():get("same_host") or not origin then return false end
  local host = origin:lower():match("^https?://([^/]*)$")
  return host ~= (headers:get(":authority") or ""):lower()
    and not contains(handle:metadata():get("origins"), origin:lower())
end

local function guard(handle)
  read(handle)
  return from_elsewhere(handle)
end

function envoy_on_request(handle)
  -- A script that fails lets the request go on: a guard must not, nor what a guard and the server are told.
  local ok, refused = pcall(guard, handle)
  if not ok then
    handle:logErr(tostring(refused))
    handle:respond({[":status"] = "503", ["content-type"] = "text/plain"}, "unavailable")
  elseif refused then
    handle:respond({[":status"] = "403", ["content-type"] = "text/plain"}, "forbidden")
  end
end

local function page(handle, status)
  local pages = handle:metadata():get("pages")
  if not pages or status == handle:metadata():get("own_status") then return end
  local headers = handle:headers()
  local own = headers:get("x-wsgen-own") and not headers:get("x-wsgen-server")
  if not pages[own and "proxy" or "server"] then return end
  for _, it in ipairs(pages.list) do
    if status >= it.first and status <= it.last then
      if it.location then
        local known = handle:streamInfo():dynamicMetadata():get("wsgen") or {}
        local location = ""
        for _, piece in ipairs(it.location) do
          location = location .. (piece.text or known[piece.fact] or "")
        end
        headers:replace("location", location)
      end
      headers:replace(":status", tostring(it.status or status))
      headers:remove("content-encoding")
      headers:remove("content-type")
      if it.body ~= "" then headers:replace("content-type", it.content_type) end
      return it.body
    end
  end
end

local function cors(handle)
  local rule = handle:metadata():get("cors")
  if not rule then return end
  local headers = handle:headers()
  local known = handle:streamInfo():dynamicMetadata():get("wsgen") or {}
  local varies = false
  for one in (headers:get("vary") or ""):lower():gmatch("[^,%s]+") do
    varies = varies or one == "origin"
  end
  if not varies then headers:add("vary", "Origin") end
  local origin = known.origin
  if not origin or not (rule.any or contains(rule.origins, origin:lower())) then return end
  headers:replace("access-control-allow-origin", (rule.any and not rule.credentials) and "*" or origin)
  if rule.credentials then headers:replace("access-control-allow-credentials", "true") end
  if rule.preflight then
    for name, value in pairs(rule.preflight) do headers:replace(name, value) end
  elseif rule.expose then
    headers:replace("access-control-expose-headers", rule.expose)
  end
end

-- The body that the answer has to have; nil keeps its own.
local function answer(handle)
  local status = tonumber(handle:headers():get(":status"))
  local body = page(handle, status)
  cors(handle)
  return body
end

local function replace(handle, text)
  local body = handle:body(true)
  handle:headers():replace("content-length", tostring(body:setBytes(text)))
end

-- A script that fails lets the answer go on: what it had to hide or to change must not.
local function withhold(handle)
  local headers, names = handle:headers(), {}
  local tunnel = headers:get(":status") == "101"
  for name in pairs(headers) do names[#names + 1] = name end
  for _, name in ipairs(names) do
    if name:sub(1, 1) ~= ":" then headers:remove(name) end
  end
  headers:replace(":status", "503")
  headers:replace("content-type", "text/plain")
  -- Of a tunnel there is no end to wait for.
  if tunnel then return end
  replace(handle, "unavailable")
end

function envoy_on_response(handle)
  local ok, said = pcall(answer, handle)
  if not ok then
    handle:logErr(tostring(said))
    withhold(handle)
  elseif said then
    -- Here and not below pcall: what waits for a body is not woken there (seen on 1.40).
    replace(handle, said)
  end
end
