-- A host of Cordon in LuaJIT: plain FFI, no binding. Restricts a device, quarantines a file, follows both to their end.
--
--   luajit host.lua LIBRARY HEADER CONFIG MACHINE SHA1
--
-- HEADER is cordon.h, read for its declarations, so that nothing is typed twice here. CONFIG is a path, or - for the
-- library's own choice. Exit: 0 both were done, 1 an error, 2 wrong use, 3 something ended otherwise or has not ended.
local ffi = require("ffi")

local DONE, ERROR, USAGE, OTHERWISE = 0, 1, 2, 3
local WAIT_MS = 600000

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- What ffi.cdef understands of the header, and its numbers as a table.
local function declarations(header)
  local text = header:gsub("/%*.-%*/", ""):gsub("#ifdef __cplusplus.-#endif", "")
  local constants = {}
  for name, value in text:gmatch("#define (CORDON_[%w_]+) %(?(%-?%d+)%)?") do constants[name] = tonumber(value) end
  return text:gsub("#[^\n]*", ""):gsub("CORDON_API", ""), constants
end

-- Just enough JSON to write: texts, and objects of them.
local function encode(value)
  if type(value) ~= "table" then
    return '"' .. value:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
  end
  local members = {}
  for name, member in pairs(value) do members[#members + 1] = encode(name) .. ":" .. encode(member) end
  return "{" .. table.concat(members, ",") .. "}"
end

local library, header, config, machine, sha1 = unpack(arg)
if not sha1 then
  io.stderr:write("usage: luajit host.lua LIBRARY HEADER CONFIG MACHINE SHA1\n")
  os.exit(USAGE)
end

local cdef, C = declarations(read(header))
ffi.cdef(cdef)
local api = ffi.load(library).cordon_get_api(math.floor(C.CORDON_ABI_VERSION / 1000000))
if api == nil or api.struct_size < ffi.sizeof("cordon_api_v1") then error("the library is older than the header") end

-- The line of an error, which is given back.
local function taken(err)
  local line = ffi.string(api.error_message(err))
  api.error_free(err)
  return line
end

local client, err = ffi.new("cordon_client *[1]"), ffi.new("cordon_error *[1]")
if api.init(C.CORDON_ABI_VERSION, config ~= "-" and read(config) or nil, client, err) ~= C.CORDON_OK then
  io.stderr:write(taken(err[0]), "\n")
  os.exit(ERROR)
end

-- Records a request and returns its id: it will be sent even if this process dies.
local function submit(operation, request)
  local id = ffi.new("char *[1]")
  if api.submit(client[0], operation, encode(request), id, err) ~= C.CORDON_OK then error(taken(err[0]), 0) end
  local text = ffi.string(id[0])
  api.string_free(id[0])
  return text
end

-- Waits for the end, and says what it was. Only CORDON_OK means that the device did it.
local function follow(operation, id)
  local action = ffi.new("char *[1]")
  local status = api.poll_action(client[0], id, nil, WAIT_MS, action, err)
  local what = ffi.string(api.status_name(status))
  if status < 0 then what = taken(err[0]) end
  api.string_free(action[0])
  local verdict = "not done: "
  if status == C.CORDON_E_OUTCOME_UNKNOWN then verdict = "not known, so not repeated: " end
  print(operation .. ": " .. (status == C.CORDON_OK and "done on the device" or verdict .. what))
  return status == C.CORDON_OK
end

local ran, all_done = pcall(function()
  local restriction = submit("restrict_code_execution", { machine_id = machine, comment = "Contain the device" })
  local quarantine = submit("stop_and_quarantine", { machine_id = machine, sha1 = sha1, comment = "Stop the file" })
  local restricted = follow("restrict_code_execution", restriction)
  return follow("stop_and_quarantine", quarantine) and restricted
end)
api.client_free(client[0])
if not ran then io.stderr:write(tostring(all_done), "\n") end
os.exit(not ran and ERROR or all_done and DONE or OTHERWISE)
