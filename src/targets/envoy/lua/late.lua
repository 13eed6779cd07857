-- Queries towards the server, and what it says about its own paths.
local function decoded(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

function envoy_on_request(handle)
  local rule = handle:metadata():get("query")
  if not rule then return end
  local headers = handle:headers()
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

local function mapped(path, rule)
  if path:sub(1, #rule.new) ~= rule.new then return nil end
  local rest = path:sub(#rule.new + 1)
  if rest ~= "" and not rest:find("^[/?#]") then return nil end
  if rest == "" and rule.old == "" then return "/" end
  return rule.old .. rest
end

function envoy_on_response(handle)
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
