-- Shows packets of ScaleSmall, version 2 of the format, in Wireshark and tshark:
--
--     scalesmall-sim dissector > scalesmall.lua
--     wireshark -X lua_script:scalesmall.lua capture.pcapng
--
-- or put the file into the folder "Personal Lua Plugins" (Help, About, Folders). Packets are recognised by
-- their header on every UDP port. Filters begin with "scalesmall", such as scalesmall.sender == "node-3" or
-- scalesmall.claim. Nodes are shown by name once a claim has said where they are, before that by id.
--
-- The frames of suite "sealed" are encrypted. They are shown as bytes: Lua in Wireshark has neither the
-- key derivation nor the cipher. Header, sender and packet number are readable all the same.

local VERSION = 2
local TAG = 16

local scalesmall = Proto("scalesmall", "ScaleSmall")

-- Each frame: its name and its fields in order, each with how it is read. A frame with a function for its
-- body reads it there.
local FRAMES = {
    [0x01] = { "Ping", "root:word" },
    [0x02] = { "Pong", "packet:varint" },
    [0x03] = { "Pong", "packet:varint", "root:word" },
    [0x04] = { "Ack", "packet:varint" },
    [0x05] = { "Challenge", "packet:varint" },
    [0x12] = { "Claim", "life:life", "incarnation:varint", "standing:text", "accuser:id", "confirmed_by:id",
        "age:varint", "name:text", "address:text" },
    [0x13] = { "Record", "group:group", "owner:life", "since:varint", "floor:varint", "clock:varint",
        "target:varint", "write:text" },
    [0x14] = { "Attribute", "life:life", "kind:u8", "version:varint", "bytes:rest" },
    [0x15] = { "Slow", "life:life", "millis:varint" },
    [0x16] = { "Message", "origin:life", "sequence:varint", "tag:varint", "group:group", "payload:rest" },
    [0x17] = { "Spread", "route:text", "hops:u8", "frames:u8", "packets_ago:varint", "place:varint",
        "from:position", "until:position", "group:group", "node:id" },
    [0x18] = { "Verify", "suspect:life", "millis:varint" },
    [0x19] = { "Verdict", "suspect:life", "finding:finding" },
    [0x1a] = { "Suspicion" },
    [0x1b] = { "Want", "group:group", "owner:life", "since:varint" },
    [0x1c] = { "Ranges", "from:word", "to:word", "sum:word", "count:varint" },
    [0x1d] = { "Holdings", "from:word", "to:word", "answer:u8", "claim:text", "record:text", "attribute:text" },
    [0x1e] = { "Heard", "speaker:id", "node:id" },
    [0x1f] = { "Vouch", "life:life", "packet:varint" },
    [0x20] = { "Duplicate", "epoch:word" },
    [0x21] = { "Beat", "sequence:varint" },
    [0x22] = { "Numbered", "sequence:varint", "frames:u8" },
    [0x23] = { "Missed", "since:varint", "silent:u8" },
    [0x24] = { "Coded", "from:word", "to:word", "count:varint", "cells:rest" },
    [0x25] = { "Lacking", "from:word", "to:word", "elements:rest" },
    [0x26] = { "Padding", "bytes:rest" },
    [0x27] = { "Narrow" },
    [0x28] = { "TooLarge", "packet:varint", "bytes:u16" },
    [0x29] = { "Undelivered", "sequence:varint", "bytes:u16" },
    [0x2a] = { "Counted", "packet:varint", "tag:u16", "highest:varint", "tag_of_highest:u16" },
    [0x2b] = { "Seen", "address:text" },
    [0x2c] = { "Drains", "stamp:varint" },
    [0x2d] = { "Noted", "stamp:varint", "own:varint" },
}

local IDS, GROUPS = 0x10, 0x11
-- Frames up to this type have no length.
local LAST_FIXED = 0x0f
local STANDINGS = { [0] = "alive", "down", "left" }
local FINDINGS = { [0] = "looking", "answers", "silent" }
local ROUTES = { [0] = "ring", "ring in a group", "list", "ring with the covered", "ring in a group with the covered" }

-- The fields that filters name.

local fields = {
    flags = ProtoField.uint8("scalesmall.flags", "Flags", base.HEX),
    bound = ProtoField.bool("scalesmall.bound", "Bound"),
    wants_ack = ProtoField.bool("scalesmall.wants_ack", "Asks for an acknowledgement"),
    key = ProtoField.uint16("scalesmall.key", "Key id", base.HEX),
    cluster = ProtoField.uint16("scalesmall.cluster", "Cluster tag", base.HEX),
    sender = ProtoField.string("scalesmall.sender", "Sender"),
    sender_id = ProtoField.uint64("scalesmall.sender.id", "Sender id", base.HEX),
    epoch = ProtoField.uint64("scalesmall.epoch", "Epoch"),
    number = ProtoField.uint64("scalesmall.number", "Packet number"),
    tag = ProtoField.bytes("scalesmall.tag", "Tag"),
    sealed = ProtoField.bytes("scalesmall.sealed", "Sealed frames"),
    unknown = ProtoField.uint8("scalesmall.unknown", "Frame of an unknown type", base.HEX),
}

local MAKERS = {
    word = function(abbr, label) return ProtoField.uint64(abbr, label, base.HEX) end,
    varint = function(abbr, label) return ProtoField.uint64(abbr, label) end,
    u8 = function(abbr, label) return ProtoField.uint8(abbr, label) end,
    u16 = function(abbr, label) return ProtoField.uint16(abbr, label) end,
    position = function(abbr, label) return ProtoField.uint32(abbr, label, base.HEX) end,
    rest = function(abbr, label) return ProtoField.bytes(abbr, label) end,
}

local all = {}
for _, field in pairs(fields) do all[#all + 1] = field end
for _, frame in pairs(FRAMES) do
    local name = frame[1]:lower()
    if not fields[name] then
        fields[name] = ProtoField.none("scalesmall." .. name, frame[1])
        all[#all + 1] = fields[name]
    end
    for at = 2, #frame do
        local field, kind = frame[at]:match("^(.-):(.*)$")
        local key = name .. "." .. field
        if not fields[key] then
            local make = MAKERS[kind] or ProtoField.string
            fields[key] = make("scalesmall." .. key, (field:gsub("_", " ")))
            all[#all + 1] = fields[key]
        end
    end
end
scalesmall.fields = all

-- Names by id, as claims have told them.
local names = {}

function scalesmall.init() names = {} end

local function named(id) return names[id] or id end

-- Reading.

local Reader = {}
Reader.__index = Reader

local function reader(tvb, from, to) return setmetatable({ tvb = tvb, at = from, stop = to }, Reader) end

function Reader:left() return self.stop - self.at end

function Reader:take(len)
    if len > self:left() then error("cut short") end
    local range = self.tvb:range(self.at, len)
    self.at = self.at + len
    return range
end

function Reader:u8() return self:take(1):uint() end

-- Groups of seven bits, the lowest first. Returns the value as a number, exactly as a UInt64, and where it is.
function Reader:varint()
    local start, low, high, value = self.at, 0, 0, 0
    for group = 0, 9 do
        local byte = self:u8()
        local part, shift = byte % 128, 7 * group
        value = value + part * 2 ^ shift
        if shift < 28 then
            low = low + part * 2 ^ shift
        elseif shift == 28 then
            low = low + (part % 16) * 2 ^ 28
            high = math.floor(part / 16)
        else
            high = high + part * 2 ^ (shift - 32)
        end
        if byte < 128 then
            if byte == 0 and group > 0 or byte > 1 and group == 9 then error("not a varint") end
            return value, UInt64.new(low, high), self.tvb:range(start, self.at - start)
        end
    end
    error("not a varint")
end

local function has(bits, bit) return math.floor(bits / bit) % 2 == 1 end

-- What is read goes into a tree, unless there is none: then it is only seen whether all is well formed.
local function show(tree, key, range, value)
    if not tree then return end
    if value == nil then tree:add(fields[key], range) else tree:add(fields[key], range, value) end
end

local function life_at(tables, index)
    local known = tables.ids[index]
    if not known then error("no such id") end
    return known
end

local READ = {}
function READ.word(r, tree, key) local range = r:take(8) show(tree, key, range) return range end
function READ.u8(r, tree, key) local range = r:take(1) show(tree, key, range) return range:uint() end
function READ.u16(r, tree, key) local range = r:take(2) show(tree, key, range) return range:uint() end
function READ.position(r, tree, key) local range = r:take(4) show(tree, key, range) return range:uint() end
function READ.varint(r, tree, key)
    local value, exact, range = r:varint()
    show(tree, key, range, exact)
    return value
end
function READ.id(r, tree, key, tables)
    local index, _, range = r:varint()
    local known = life_at(tables, index)
    show(tree, key, range, named(known.id))
    return known
end
READ.life = READ.id
function READ.group(r, tree, key, tables)
    local index, _, range = r:varint()
    local name = tables.groups[index]
    if not name then error("no such group") end
    show(tree, key, range, name)
    return name
end
function READ.finding(r, tree, key)
    local range = r:take(1)
    local finding = FINDINGS[range:uint()]
    if not finding then error("no such finding") end
    show(tree, key, range, finding)
    return finding
end
function READ.rest(r, tree, key)
    local len = r:left()
    if len > 0 then show(tree, key, r:take(len)) end
    return len
end

local function address(r, long)
    local host = r:take(long and 16 or 4)
    local port = r:take(2):uint()
    if long then return "[" .. tostring(host:ipv6()) .. "]:" .. port end
    return tostring(host:ipv4()) .. ":" .. port
end

-- How a node is named and reached: returns its name and its addresses.
local function locator(r)
    local head = r:u8()
    local name
    if has(head, 0x04) then name = r:take(r:u8()):string(ENC_UTF_8) end
    local addresses = {}
    for at = 0, head % 4 do addresses[#addresses + 1] = address(r, has(head, 0x10 * 2 ^ at)) end
    return name or addresses[1], addresses
end

-- A claim, of which there may be many in a frame; returns what it says in a line.
local function claim(r, tree, tables)
    local life = READ.life(r, tree, "claim.life", tables)
    local incarnation = READ.varint(r, tree, "claim.incarnation")
    local range = r:take(1)
    local bits = range:uint()
    local standing = STANDINGS[bits % 4]
    if not standing or bits >= 0x80 then error("no such claim") end
    show(tree, "claim.standing", range, standing)
    if has(bits, 0x04) then READ.id(r, tree, "claim.accuser", tables) end
    if has(bits, 0x08) then READ.id(r, tree, "claim.confirmed_by", tables) end
    if has(bits, 0x10) then READ.id(r, tree, "claim.confirmed_by", tables) end
    if has(bits, 0x20) then READ.varint(r, tree, "claim.age") end
    if has(bits, 0x40) then
        local start = r.at
        local name, addresses = locator(r)
        local range = r.tvb:range(start, r.at - start)
        show(tree, "claim.name", range, name)
        for _, text in ipairs(addresses) do show(tree, "claim.address", range, text) end
        -- Only a pass that has found all well formed shows it.
        if tables.learn then names[life.id] = name end
    end
    return named(life.id) .. " " .. standing .. " " .. string.format("%d", incarnation)
end

local BODIES = {}

BODIES[0x12] = claim

BODIES[0x13] = function(r, tree, tables)
    local group = READ.group(r, tree, "record.group", tables)
    local owner = READ.life(r, tree, "record.owner", tables)
    local since = READ.varint(r, tree, "record.since")
    READ.varint(r, tree, "record.floor")
    local more, _, range = r:varint()
    show(tree, "record.clock", range, UInt64(since + more))
    local beyond, _, last = r:varint()
    show(tree, "record.target", last, UInt64(since + more + beyond))
    local clock = since
    local OPERATIONS = { "add", "remove", "get" }
    while r:left() > 0 do
        local start = r.at
        clock = clock + r:varint()
        local bits = r:u8()
        local operation = OPERATIONS[bits % 4]
        if not operation or bits >= 0x10 then error("no such write") end
        local text = string.format("%d %s", clock, operation)
        if has(bits, 0x04) then
            text = text .. " all keys"
        else
            text = text .. string.format(" %08x to %08x", r:take(4):uint(), r:take(4):uint())
        end
        if has(bits, 0x08) then text = text .. " port " .. r:take(2):uint() end
        show(tree, "record.write", r.tvb:range(start, r.at - start), text)
    end
    return group .. " of " .. named(owner.id)
end

BODIES[0x16] = function(r, tree, tables)
    local origin = READ.life(r, tree, "message.origin", tables)
    local sequence = READ.varint(r, tree, "message.sequence")
    READ.varint(r, tree, "message.tag")
    local group, _, range = r:varint()
    if group > 0 then
        local name = tables.groups[group - 1]
        if not name then error("no such group") end
        show(tree, "message.group", range, name)
    end
    READ.rest(r, tree, "message.payload")
    return named(origin.id) .. " " .. string.format("%d", sequence)
end

BODIES[0x17] = function(r, tree, tables)
    local range = r:take(1)
    local route = range:uint()
    if not ROUTES[route] then error("no such route") end
    show(tree, "spread.route", range, ROUTES[route])
    READ.u8(r, tree, "spread.hops")
    tables.announced = READ.u8(r, tree, "spread.frames")
    if READ.varint(r, tree, "spread.packets_ago") > 0 then READ.varint(r, tree, "spread.place") end
    if route == 2 then
        while r:left() > 0 do READ.id(r, tree, "spread.node", tables) end
    else
        READ.position(r, tree, "spread.from")
        READ.position(r, tree, "spread.until")
        if route == 1 or route == 4 then READ.group(r, tree, "spread.group", tables) end
    end
    return ROUTES[route]
end

BODIES[0x1c] = function(r, tree)
    while r:left() > 0 do
        READ.varint(r, nil, nil)
        READ.word(r, tree, "ranges.to")
        READ.word(r, tree, "ranges.sum")
        READ.varint(r, tree, "ranges.count")
    end
end

BODIES[0x1d] = function(r, tree, tables)
    READ.word(r, tree, "holdings.from")
    READ.word(r, tree, "holdings.to")
    READ.u8(r, tree, "holdings.answer")
    local function each(key, one)
        for _ = 1, r:varint() do
            local start = r.at
            local text = one()
            show(tree, key, r.tvb:range(start, r.at - start), text)
        end
    end
    each("holdings.claim", function() return claim(r, nil, tables) end)
    each("holdings.record", function()
        local group = READ.group(r, nil, nil, tables)
        local owner = READ.life(r, nil, nil, tables)
        return string.format("%s of %s up to %d", group, named(owner.id), (r:varint()))
    end)
    each("holdings.attribute", function()
        local life, kind = READ.life(r, nil, nil, tables), r:u8()
        local version = r:varint()
        r:take(4)
        return string.format("kind %d of %s, version %d", kind, named(life.id), version)
    end)
end

BODIES[0x1e] = function(r, tree, tables)
    local speaker = READ.id(r, tree, "heard.speaker", tables)
    while r:left() > 0 do READ.id(r, tree, "heard.node", tables) end
    return named(speaker.id)
end

BODIES[0x22] = function(r, tree, tables)
    READ.varint(r, tree, "numbered.sequence")
    tables.announced = READ.u8(r, tree, "numbered.frames")
end

BODIES[0x2b] = function(r, tree)
    local start = r.at
    local text = address(r, r:left() > 6)
    show(tree, "seen.address", r.tvb:range(start, r.at - start), text)
    return text
end

-- The fields of a frame in order, where there is nothing more to it.
local function plain(kind)
    local frame = FRAMES[kind]
    local name = frame[1]:lower()
    return function(r, tree, tables)
        local first
        for at = 2, #frame do
            local field, how = frame[at]:match("^(.-):(.*)$")
            local value = READ[how](r, tree, name .. "." .. field, tables)
            if how == "life" or how == "id" then first = named(value.id) end
        end
        return first
    end
end

for kind in pairs(FRAMES) do BODIES[kind] = BODIES[kind] or plain(kind) end

local function section(r, kind)
    if r:left() == 0 or r.tvb:range(r.at, 1):uint() ~= kind then return nil end
    r:take(1)
    local len = r:varint()
    local body = reader(r.tvb, r.at, r.at + len)
    r:take(len)
    return body
end

local function read_tables(r, tables, tree)
    local body = section(r, IDS)
    if body then
        while body:left() > 0 do
            local bits, id = body:u8(), body:take(8)
            if bits > 1 then error("no such entry") end
            if bits == 1 then body:take(8) end
            tables.ids[#tables.ids + 1] = { id = tostring(id:bytes()):lower() }
        end
        if tree then tree:add(body.tvb:range(0, 0), "Table of ids: " .. #tables.ids):set_generated() end
    end
    body = section(r, GROUPS)
    if body then
        local count = 0
        while body:left() > 0 do
            tables.groups[count] = body:take(body:u8()):string(ENC_UTF_8)
            count = count + 1
        end
    end
end

-- Goes through all frames; returns what each is, in short.
local function walk(r, sender, tree)
    local tables = { ids = { [0] = { id = sender } }, groups = {}, learn = tree ~= nil }
    read_tables(r, tables, tree)
    local seen, left, within = {}, 0, nil
    while r:left() > 0 do
        local start, kind = r.at, r:u8()
        local body = r
        if kind > LAST_FIXED then
            local len = r:varint()
            body = reader(r.tvb, r.at, r.at + len)
            r:take(len)
        end
        local parent = left > 0 and within or tree
        tables.announced = nil
        local known, item, what = FRAMES[kind], nil, nil
        if known then
            item = parent and parent:add(fields[known[1]:lower()], r.tvb:range(start, math.max(r.at - start, 1)))
            what = BODIES[kind](body, item, tables)
            if body ~= r and body:left() > 0 then error("a frame is too long") end
            if item then
                item:set_len(r.at - start)
                if what then item:append_text(": " .. what) end
            end
            seen[#seen + 1] = known[1]
        elseif kind > LAST_FIXED then
            if parent then parent:add(fields.unknown, r.tvb:range(start, r.at - start), kind) end
            seen[#seen + 1] = string.format("0x%02x", kind)
        else
            error("no such frame")
        end
        if tables.announced then
            left, within = tables.announced, item
        elseif left > 0 then
            left = left - 1
        end
    end
    if left > 0 then error("frames are missing") end
    return seen
end

local function is_ours(tvb)
    if tvb:len() < 22 + 1 + TAG or tvb:range(0, 1):uint() ~= 0xa0 + VERSION then return false end
    local flags = tvb:range(1, 1):uint()
    return flags == 0 or flags == 0x02 or flags == 0x08 or flags == 0x0a
end

function scalesmall.dissector(tvb, pinfo, root)
    if not is_ours(tvb) then return 0 end
    local r = reader(tvb, 22, tvb:len() - TAG)
    local well, _, exact, range = pcall(r.varint, r)
    if not well then return 0 end
    pinfo.cols.protocol = "ScaleSmall"
    local tree = root:add(scalesmall, tvb:range())
    local flags = tvb:range(1, 1)
    local sender = tostring(tvb:range(6, 8):bytes()):lower()
    local first, count = r.at, r:left()
    -- Once without a tree: bytes that are encrypted are no frames.
    local plain, seen = pcall(walk, reader(tvb, first, first + count), sender, nil)
    local header = tree
    header:add(fields.flags, flags)
    header:add(fields.bound, flags, has(flags:uint(), 0x02)):set_generated()
    header:add(fields.wants_ack, flags, has(flags:uint(), 0x08)):set_generated()
    header:add(fields.key, tvb:range(2, 2))
    header:add(fields.cluster, tvb:range(4, 2))
    header:add(fields.sender_id, tvb:range(6, 8))
    header:add(fields.epoch, tvb:range(14, 8))
    header:add(fields.number, range, exact)
    if plain then
        seen = walk(reader(tvb, first, first + count), sender, tree)
    elseif count > 0 then
        tree:add(fields.sealed, tvb:range(first, count)):append_text(" (" .. tostring(seen):gsub("^.*: ", "") .. ")")
        seen = { "sealed" }
    end
    header:add(fields.sender, tvb:range(6, 8), named(sender)):set_generated()
    header:add(fields.tag, tvb:range(tvb:len() - TAG, TAG))
    local text = named(sender) .. " #" .. tostring(exact)
    if has(flags:uint(), 0x02) then text = text .. " bound" end
    pinfo.cols.info = text .. ": " .. table.concat(seen, ", ")
    return tvb:len()
end

scalesmall:register_heuristic("udp", function(tvb, pinfo, root)
    return is_ours(tvb) and scalesmall.dissector(tvb, pinfo, root) > 0
end)
