-- Queries towards the server, and what it says about its own paths.
local function decoded(text)
  return (text:gsub("%+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local bit = require("bit")

-- SHA-1, which the answer to a handshake is made of (RFC 6455 section 4.2.2).
local function sha1(text)
  local h = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}
  local length = #text * 8
  text = text .. "\128" .. ("\0"):rep((55 - #text) % 64) .. "\0\0\0\0"
  for shift = 24, 0, -8 do text = text .. string.char(bit.band(bit.rshift(length, shift), 255)) end
  for chunk = 1, #text, 64 do
    local w = {}
    for n = 0, 15 do
      local a, b, c, d = text:byte(chunk + n * 4, chunk + n * 4 + 3)
      w[n] = bit.bor(bit.lshift(a, 24), bit.lshift(b, 16), bit.lshift(c, 8), d)
    end
    for n = 16, 79 do w[n] = bit.rol(bit.bxor(w[n - 3], w[n - 8], w[n - 14], w[n - 16]), 1) end
    local a, b, c, d, e = h[1], h[2], h[3], h[4], h[5]
    for n = 0, 79 do
      local f, k
      if n < 20 then
        f, k = bit.bor(bit.band(b, c), bit.band(bit.bnot(b), d)), 0x5A827999
      elseif n < 40 then
        f, k = bit.bxor(b, c, d), 0x6ED9EBA1
      elseif n < 60 then
        f, k = bit.bor(bit.band(b, c), bit.band(b, d), bit.band(c, d)), 0x8F1BBCDC
      else
        f, k = bit.bxor(b, c, d), 0xCA62C1D6
      end
      local t = bit.tobit(bit.rol(a, 5) + f + e + k + w[n])
      a, b, c, d, e = t, a, bit.rol(b, 30), c, d
    end
    h = {bit.tobit(h[1] + a), bit.tobit(h[2] + b), bit.tobit(h[3] + c), bit.tobit(h[4] + d), bit.tobit(h[5] + e)}
  end
  local out = ""
  for _, word in ipairs(h) do
    for shift = 24, 0, -8 do out = out .. string.char(bit.band(bit.rshift(word, shift), 255)) end
  end
  return out
end

local function change(handle)
  local headers = handle:headers()
  local wanted = handle:metadata():get("claims")
  if wanted then
    local token = handle:streamInfo():dynamicMetadata():get("envoy.filters.http.jwt_authn") or {}
    local claims = token.claims or {}
    for _, it in ipairs(wanted) do
      local value = claims[it.claim]
      if type(value) == "table" then value = nil end
      if type(value) == "number" and value == math.floor(value) then value = string.format("%d", value) end
      value = value ~= nil and (tostring(value):gsub("%c", "")) or nil
      if it.header then
        headers:remove(it.header)
        if value then headers:replace(it.header, value) end
      else
        handle:streamInfo():dynamicMetadata():set("wsgen", it.name, value or "")
      end
    end
  end
  if handle:metadata():get("accepts") then
    handle:streamInfo():dynamicMetadata():set("wsgen", "key", headers:get("sec-websocket-key") or "")
  end
  local rule = handle:metadata():get("query")
  if not rule then return end
  local path, query = (headers:get(":path") or "/"):match("^([^?]*)%??(.*)$")
  local gone = {}
  for _, name in ipairs(rule.gone) do gone[name] = true end
  local kept = {}
  for pair in query:gmatch("[^&]+") do
    if not gone[decoded(pair:match("^([^=]*)"))] then kept[#kept + 1] = pair end
  end
  for _, pair in ipairs(rule.set) do kept[#kept + 1] = pair end
  headers:replace(":path", #kept > 0 and path .. "?" .. table.concat(kept, "&") or path)
end

function envoy_on_request(handle)
  -- A script that fails lets the request go on, with what the client says of itself.
  local ok, why = pcall(change, handle)
  if not ok then
    handle:logErr(tostring(why))
    handle:respond({[":status"] = "503", ["content-type"] = "text/plain"}, "unavailable")
  end
end

local function mapped(path, rule)
  if path:sub(1, #rule.new) ~= rule.new then return nil end
  local rest = path:sub(#rule.new + 1)
  if rest ~= "" and not rest:find("^[/?#]") then return nil end
  if rest == "" and rule.old == "" then return "/" end
  return rule.old .. rest
end

local function answer(handle)
  if handle:metadata():get("accepts") and handle:headers():get("upgrade") then
    -- A server of HTTP/2 is not asked for it.
    local known = handle:streamInfo():dynamicMetadata():get("wsgen") or {}
    if not handle:headers():get("sec-websocket-accept") and (known.key or "") ~= "" then
      local digest = sha1(known.key .. "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
      handle:headers():add("sec-websocket-accept", handle:base64Escape(digest))
    end
  end
  local rule = handle:metadata():get("location")
  if not rule then return end
  local headers = handle:headers()
  local location = headers:get("location")
  if location then
    local known = handle:streamInfo():dynamicMetadata():get("wsgen") or {}
    local scheme, host, path = location:match("^(https?://)([^/?#]*)(.*)$")
    if not scheme and location:find("^/") and not location:find("^//") then
      headers:replace("location", mapped(location, rule) or location)
    elseif scheme and (host:gsub(":%d+$", "")):lower() == known.host then
      local new = mapped(path, rule)
      if new then headers:replace("location", scheme .. host .. new) end
    end
  end
  local cookies = {}
  for n = 0, headers:getNumValues("set-cookie") - 1 do
    local value = headers:getAtIndex("set-cookie", n)
    cookies[#cookies + 1] = value:gsub("(;%s*[Pp][Aa][Tt][Hh]=)([^;]*)", function(name, path)
      return name .. (mapped(path, rule) or path)
    end)
  end
  if #cookies > 0 then
    headers:remove("set-cookie")
    for _, value in ipairs(cookies) do headers:add("set-cookie", value) end
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
