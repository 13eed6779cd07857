-- What is open at once on a route, by client or by header. Envoy lets a request's handle go when its stream ends: what is
-- still there after a sweep is still open.
local open = {}

local function count(marks)
  local number = 0
  for _ in pairs(marks) do number = number + 1 end
  return number
end

local function admit(handle)
  local rule = handle:metadata():get("open")
  if not rule then return true end
  local who
  if rule.header then
    who = handle:headers():get(rule.header)
    if not who then return true end
  else
    who = handle:streamInfo():downstreamRemoteAddress():gsub(":%d+$", "")
  end
  local key = rule.route .. " " .. who
  local marks = open[key]
  if not marks then
    marks = setmetatable({}, {__mode = "k"})
    open[key] = marks
  end
  if count(marks) >= rule.max then
    -- Twice: the first sweep only finishes what it finds.
    collectgarbage()
    collectgarbage()
    for other, those in pairs(open) do
      if other ~= key and next(those) == nil then open[other] = nil end
    end
  end
  if count(marks) >= rule.max then return false end
  marks[handle] = true
  return true
end

function envoy_on_request(handle)
  -- A script that fails lets the request go on: a guard must not.
  local ok, admitted = pcall(admit, handle)
  if not ok then handle:logErr(tostring(admitted)) end
  if not (ok and admitted) then
    handle:respond({[":status"] = "503", ["content-type"] = "text/plain"}, "unavailable")
  end
end
