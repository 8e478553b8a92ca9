-- On every request: the trace header that a load balancer adds, redirects with the API's placeholders, and the
-- cookie that keeps a client on one of several target groups.

math.randomseed(os.time())

local function trace_id()
  local parts = {}
  for i = 1, 4 do
    parts[i] = string.format("%06x", math.random(0, 0xffffff))
  end
  return string.format("1-%08x-%s", os.time(), table.concat(parts))
end

local function add_trace(headers)
  local given = headers:get("x-amzn-trace-id")
  if given == nil then
    headers:add("x-amzn-trace-id", "Root=" .. trace_id())
    return
  end
  local fields = {}
  for field in given:gmatch("[^;]+") do
    if not field:find("^%s*Self=") then
      table.insert(fields, field)
    end
  end
  table.insert(fields, 1, "Self=" .. trace_id())
  if not given:find("Root=", 1, true) then
    table.insert(fields, "Root=" .. trace_id())
  end
  headers:replace("x-amzn-trace-id", table.concat(fields, ";"))
end

local function redirect(handle, target)
  local headers = handle:headers()
  local path, query = headers:get(":path"):match("^/([^?]*)%??(.*)$")
  local known = {
    ["#{protocol}"] = target["protocol"],
    ["#{host}"] = headers:get(":authority"):gsub(":%d+$", ""),
    ["#{port}"] = target["port"],
    ["#{path}"] = path,
    ["#{query}"] = query,
  }
  local location = target["location"]:gsub("#{%a+}", known):gsub("%?$", "")
  handle:respond({ [":status"] = target["status"], ["location"] = location, ["content-type"] = "text/html" },
    target["body"])
end

-- A cookie names its target group and its end; one that has ended is not looked at by the routes.
local function drop_old_cookie(handle, name)
  local headers = handle:headers()
  local cookies = headers:get("cookie")
  local ends = cookies and ("; " .. cookies):match("; ?" .. name .. "=%x+%-(%x+)")
  if ends ~= nil and tonumber(ends, 16) < os.time() then
    headers:replace("cookie", (cookies:gsub(name .. "=", name .. "-ended=")))
    handle:clearRouteCache()
  end
end

function envoy_on_request(handle)
  local metadata = handle:metadata()
  local target, sticky = metadata:get("redirect"), metadata:get("sticky")
  if target ~= nil then
    redirect(handle, target)
    return
  end
  if sticky ~= nil then
    drop_old_cookie(handle, sticky["name"])
  end
  add_trace(handle:headers())
end

function envoy_on_response(handle)
  local sticky = handle:metadata():get("sticky")
  local group = sticky and handle:headers():get(sticky["group"])
  if group then
    handle:headers():remove(sticky["group"])
    local value = string.format("%s-%x", group, os.time() + sticky["seconds"])
    handle:headers():add("set-cookie", sticky["name"] .. "=" .. value .. "; Max-Age=" .. sticky["seconds"] .. "; Path=/")
  end
end
