-- Secrets and public keys as jwt_authn wants them: a JSON key set, made when it is asked for, seen by nobody else.
local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

local function encode(text)
  local out = {}
  for at = 1, #text, 3 do
    local a, b, c = text:byte(at, at + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    for place = 0, (c and 3) or (b and 2) or 1 do
      local digit = math.floor(n / 64 ^ (3 - place)) % 64
      out[#out + 1] = alphabet:sub(digit + 1, digit + 1)
    end
  end
  return table.concat(out)
end

local function decode(text)
  local out, bits, count = {}, 0, 0
  for c in text:gsub("%+", "-"):gsub("/", "_"):gmatch("[%w_-]") do
    bits = bits * 64 + alphabet:find(c, 1, true) - 1
    count = count + 6
    if count >= 8 then
      count = count - 8
      out[#out + 1] = string.char(math.floor(bits / 2 ^ count))
      bits = bits % 2 ^ count
    end
  end
  return table.concat(out)
end

-- The content of the DER element at a place, and the place behind it.
local function element(der, at)
  local length = der:byte(at + 1)
  at = at + 2
  if length >= 128 then
    local digits = length - 128
    length = 0
    for n = 0, digits - 1 do length = length * 256 + der:byte(at + n) end
    at = at + digits
  end
  return der:sub(at, at + length - 1), at + length
end

local function member(name, text)
  return '"' .. name .. '":"' .. text .. '"'
end

local function public(pem, algorithm)
  local key = element(decode(pem:match("%-%-%-%-%-BEGIN PUBLIC KEY%-%-%-%-%-(.-)%-%-%-%-%-END")), 1)
  local _, after = element(key, 1)
  local bits = element(key, after):sub(2)
  if algorithm:sub(1, 2) == "ES" then
    local half = (#bits - 1) / 2
    local curve = half > 40 and "P-384" or "P-256"
    return member("kty", "EC") .. "," .. member("crv", curve) .. "," .. member("x", encode(bits:sub(2, 1 + half)))
      .. "," .. member("y", encode(bits:sub(2 + half)))
  end
  local numbers = element(bits, 1)
  local n, behind = element(numbers, 1)
  local e = element(numbers, behind)
  return member("kty", "RSA") .. "," .. member("n", encode((n:gsub("^%z+", "")))) .. "," .. member("e", encode(e))
end

local function text_of(from)
  if from.variable then return os.getenv(from.variable) or "" end
  local file = io.open(from.file, "r")
  if not file then return "" end
  local text = file:read("*a")
  file:close()
  return text
end

function envoy_on_request(handle)
  local from = handle:metadata():get("key")
  local text = text_of(from)
  local ok, key = pcall(function()
    if from.algorithm:sub(1, 2) == "HS" then
      text = text:gsub("[\r\n]+$", "")
      if text == "" then error("no secret") end
      return member("kty", "oct") .. "," .. member("k", encode(text))
    end
    return public(text, from.algorithm)
  end)
  if not ok then
    handle:respond({[":status"] = "503"}, "")
    return
  end
  handle:respond({[":status"] = "200", ["content-type"] = "application/json"},
    '{"keys":[{' .. member("alg", from.algorithm) .. "," .. key .. "}]}")
end
