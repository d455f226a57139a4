// SPDX-License-Identifier: MIT
// The schema of the Avro Event Format, public: for a registry of schemas, or for a container file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace must::cloudevents {

/// The two names that the specification gives the record. The bytes of an event are the same with both, but the
/// fingerprints of the schemas differ.
enum class avro_record : std::uint8_t {
  avro_cloud_event,  ///< `AvroCloudEvent`, as the file cloudevents.avsc names it.
  cloud_event        ///< `CloudEvent`, as the text of the specification names it.
};

/// Returns the schema of an event in Avro, as JSON in its Parsing Canonical Form.
/// \param name  the name of the record
/// \see Avro Event Format 1.0.2, section 2.4 "Definition"
[[nodiscard]] inline std::string avro_schema(avro_record name = avro_record::avro_cloud_event) {
  constexpr std::string_view schema =
      R"({"name":"io.cloudevents.@","type":"record","fields":[)"
      R"({"name":"attribute","type":{"type":"map","values":["null","boolean","int","string","bytes"]}},)"
      R"({"name":"data","type":["bytes","null","boolean",{"type":"map","values":["null","boolean",)"
      R"({"name":"io.cloudevents.@Data","type":"record","fields":[)"
      R"({"name":"value","type":{"type":"map","values":["null","boolean",)"
      R"({"type":"map","values":"io.cloudevents.@Data"},{"type":"array","items":"io.cloudevents.@Data"},)"
      R"("double","string"]}}]},"double","string"]},)"
      R"({"type":"array","items":"io.cloudevents.@Data"},"double","string"]}]})";
  std::string text;
  for (const char c : schema)
    if (c == '@')
      text += name == avro_record::cloud_event ? "CloudEvent" : "AvroCloudEvent";
    else
      text += c;
  return text;
}

}  // namespace must::cloudevents
