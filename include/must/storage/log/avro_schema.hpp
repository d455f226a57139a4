// SPDX-License-Identifier: MIT
// The Avro schema of the records in which a log keeps the events of its commits. It is stored: do not change it.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <string_view>

namespace must::detail::log {

// One record an event: the fields of CloudEvents' compact Avro format under their names, then those of `must`. The
// record has the name that the format gives it, so that every reader resolves it with the schema of the format.
// \see CloudEvents, "Avro Compact Event Format"
inline constexpr std::string_view commit_schema =
    R"({"type":"record","name":"CloudEvent","namespace":"io.cloudevents.v1.avro.compact",)"
    R"("doc":"An event of must, format 1.","fields":[)"
    R"({"name":"id","type":"string"},)"
    R"({"name":"source","type":"string"},)"
    R"({"name":"type","type":"string"},)"
    R"({"name":"datacontenttype","type":["null","string"],"default":null},)"
    R"({"name":"dataschema","type":["null","string"],"default":null},)"
    R"({"name":"subject","type":["null","string"],"default":null},)"
    R"({"name":"time","type":["null",{"type":"long","logicalType":"timestamp-micros"}],"default":null},)"
    R"({"name":"data","type":["null","bytes"],"default":null},)"
    R"({"name":"position","type":"long"},)"
    R"({"name":"streamversion","type":"long"},)"
    R"({"name":"recordedtime","type":{"type":"long","logicalType":"timestamp-micros"}},)"
    R"({"name":"tags","type":{"type":"array","items":"string"}},)"
    R"({"name":"extensionattributes","type":{"type":"array","items":)"
    R"({"type":"record","name":"ExtensionAttribute","namespace":"must.avro","fields":[)"
    R"({"name":"name","type":"string"},{"name":"kind","type":"string"},{"name":"value","type":"string"}]}}},)"
    R"({"name":"timetext","type":["null","string"],"default":null},)"
    R"({"name":"datastate","type":"string"},)"
    R"({"name":"erasedtime","type":["null","string"],"default":null},)"
    R"({"name":"erasedwhy","type":["null","string"],"default":null},)"
    R"({"name":"commit","type":["null","string"],"default":null},)"
    R"({"name":"commitwriter","type":["null","string"],"default":null},)"
    R"({"name":"committime","type":["null","string"],"default":null},)"
    R"({"name":"commitappends","type":{"type":"array","items":"long"}},)"
    R"({"name":"commitcrc","type":["null","long"],"default":null},)"
    R"({"name":"crc","type":"long"}]})";

}  // namespace must::detail::log
