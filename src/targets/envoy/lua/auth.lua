-- Tokens in places that jwt_authn does not know, API keys, and the question to another service.
local function decoded(text)
  return (text:gsub("%+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function trimmed(text)
  return text:match("^%s*(.-)%s*$")
end

local function parameter(target, name)
  local query = target:match("%?(.*)$")
  for pair in (query or ""):gmatch("[^&]+") do
    local key, value = pair:match("^([^=]*)=?(.*)$")
    if decoded(key) == name then return decoded(value) end
  end
end

local function without_parameter(target, name)
  local path, query = target:match("^([^?]*)%?(.*)$")
  if not path then return target end
  local kept = {}
  for pair in query:gmatch("[^&]+") do
    if decoded(pair:match("^([^=]*)")) ~= name then kept[#kept + 1] = pair end
  end
  return #kept > 0 and path .. "?" .. table.concat(kept, "&") or path
end

local function words(headers)
  local list = {}
  for word in (headers:get("sec-websocket-protocol") or ""):gmatch("[^,]+") do list[#list + 1] = trimmed(word) end
  return list
end

local function marked(list)
  for n = 1, #list - 1 do
    local word = list[n]:lower()
    if word == "bearer" or word == "access_token" then return n end
  end
end

local function cookies(headers)
  local list = {}
  for pair in (headers:get("cookie") or ""):gmatch("[^;]+") do list[#list + 1] = trimmed(pair) end
  return list
end

local function find(headers, place)
  local kind, name = place.kind, place.name
  if kind == "bearer" then
    local scheme, token = (headers:get("authorization") or ""):match("^(%S+)%s+(%S+)%s*$")
    if scheme and scheme:lower() == "bearer" then return token end
  elseif kind == "query" then
    return parameter(headers:get(":path") or "", name)
  elseif kind == "header" then
    return headers:get(name)
  elseif kind == "cookie" then
    for _, pair in ipairs(cookies(headers)) do
      local key, value = pair:match("^([^=]*)=(.*)$")
      if key == name then return value end
    end
  elseif kind == "subprotocol" then
    local list = words(headers)
    local at = marked(list)
    return at and list[at + 1]
  end
end

local function take(headers, places)
  for _, place in ipairs(places) do
    local found = find(headers, place)
    if found and found ~= "" then return found end
  end
end

local function strip(headers, places, all)
  for _, place in ipairs(places) do
    if place.kind == "query" then
      headers:replace(":path", without_parameter(headers:get(":path") or "/", place.name))
    elseif place.kind == "subprotocol" then
      local list = words(headers)
      local at = marked(list)
      if at then
        table.remove(list, at)
        table.remove(list, at)
        if #list > 0 then
          headers:replace("sec-websocket-protocol", table.concat(list, ", "))
        else
          headers:remove("sec-websocket-protocol")
        end
      end
    elseif place.kind == "header" and all then
      headers:remove(place.name)
    elseif place.kind == "cookie" and all then
      local kept = {}
      for _, pair in ipairs(cookies(headers)) do
        if pair:match("^([^=]*)=") ~= place.name then kept[#kept + 1] = pair end
      end
      if #kept > 0 then headers:replace("cookie", table.concat(kept, "; ")) else headers:remove("cookie") end
    end
  end
end

local function readable(text)
  local ok, raw = pcall(function()
    local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    local out, bits, count = {}, 0, 0
    for c in text:gsub("%-", "+"):gsub("_", "/"):gmatch("[%w+/]") do
      bits = bits * 64 + alphabet:find(c, 1, true) - 1
      count = count + 6
      if count >= 8 then
        count = count - 8
        out[#out + 1] = string.char(math.floor(bits / 2 ^ count))
        bits = bits % 2 ^ count
      end
    end
    return table.concat(out)
  end)
  return ok and raw or ""
end

local lists = {}

local function known_keys(from)
  local id = from.file or from.variable
  if lists[id] then return lists[id] end
  local text = ""
  if from.file then
    local file = io.open(from.file, "r")
    if file then
      text = file:read("*a")
      file:close()
    end
  else
    text = os.getenv(from.variable) or ""
  end
  local list = {}
  for line in text:gmatch("[^\r\n]+") do
    line = trimmed(line)
    if line ~= "" and line:sub(1, 1) ~= "#" then list[line] = true end
  end
  lists[id] = list
  return list
end

local function ask(handle, rule)
  local headers = handle:headers()
  local known = handle:streamInfo():dynamicMetadata():get("wsgen") or {}
  local request = {
    [":method"] = "GET",
    [":path"] = rule.path,
    [":authority"] = rule.host or headers:get(":authority"),
    ["x-forwarded-method"] = headers:get(":method"),
    ["x-forwarded-uri"] = known.uri or headers:get(":path"),
  }
  for _, name in ipairs({"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip"}) do
    request[name] = headers:get(name)
  end
  for _, name in ipairs(rule.send) do
    local value = headers:get(name)
    if value then request[name:lower()] = value end
  end
  local answer, body = handle:httpCall(rule.cluster, request, nil,
    {timeout_ms = rule.timeout, send_xff = false, return_duplicate_headers = true})
  -- What was looked at before the wait is gone.
  headers = handle:headers()
  local status = tonumber(answer[":status"])
  if not answer["x-wsgen-answered"] then
    handle:respond({[":status"] = "503", ["content-type"] = "text/plain"}, "unavailable")
    return
  end
  answer["x-wsgen-answered"] = nil
  if status >= 200 and status < 300 then
    for _, name in ipairs(rule.pass) do
      local value = answer[name:lower()]
      headers:remove(name)
      if type(value) == "table" then
        for _, one in ipairs(value) do headers:add(name, one) end
      elseif value then
        headers:replace(name, value)
      end
    end
    local said = {}
    for _, name in ipairs(rule.answer) do
      local value = answer[name:lower()]
      if value then said[#said + 1] = {name = name, values = type(value) == "table" and value or {value}} end
    end
    handle:streamInfo():dynamicMetadata():set("wsgen.auth", "said", said)
    return
  end
  for _, name in ipairs({"content-length", "transfer-encoding", "connection", "date", "keep-alive"}) do answer[name] = nil end
  answer["x-wsgen-server"] = "1"
  handle:respond(answer, body or "")
end

local function guard(handle, rule)
  local headers = handle:headers()
  if rule.kind == "forward" then return ask(handle, rule) end
  local found = take(headers, rule.places)
  if rule.kind == "key" then
    if not found or not known_keys(rule)[found] then
      handle:respond({[":status"] = "401", ["www-authenticate"] = "ApiKey", ["content-type"] = "text/plain"}, "who are you")
      return
    end
    if rule.strip then strip(headers, rule.places, true) end
    return
  end
  headers:remove("x-wsgen-token")
  if found and rule.algorithms then
    local alg = readable(found:match("^[^.]*")):match('"alg"%s*:%s*"(%w+)"')
    local good = false
    for _, one in ipairs(rule.algorithms) do good = good or one == alg end
    if not good then found = nil end
  end
  if found then headers:add("x-wsgen-token", found) end
  if rule.strip then strip(headers, rule.places, false) end
end

function envoy_on_request(handle)
  local rule = handle:metadata():get("auth")
  if not rule then return end
  -- A script that fails lets the request go on: a guard must not.
  local ok, why = pcall(guard, handle, rule)
  if not ok then
    handle:logErr(tostring(why))
    handle:respond({[":status"] = "503", ["content-type"] = "text/plain"}, "unavailable")
  end
end

local function answer(handle)
  local kept = handle:streamInfo():dynamicMetadata():get("wsgen.auth")
  if not kept or not kept.said then return end
  for _, it in ipairs(kept.said) do
    for n, value in ipairs(it.values) do
      if n == 1 and it.name:lower() ~= "set-cookie" then
        handle:headers():replace(it.name, value)
      else
        handle:headers():add(it.name, value)
      end
    end
  end
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
  local body = handle:body(true)
  headers:replace("content-length", tostring(body:setBytes("unavailable")))
end

function envoy_on_response(handle)
  local ok, why = pcall(answer, handle)
  if not ok then
    handle:logErr(tostring(why))
    withhold(handle)
  end
end
