// SPDX-License-Identifier: MIT
// Reads the data of a CloudEvent in Avro: bytes as they are, and a JSON value as JSON.
#pragma once

#include "must/avro/decode.hpp"
#include "must/cloudevents/attributes.hpp"
#include "must/cloudevents/body.hpp"
#include "must/cloudevents/read.hpp"
#include "must/record.hpp"
#include "must/text/json_text.hpp"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace must::cloudevents::detail {

// The depth to which a JSON value may nest, since reading it recurses.
inline constexpr std::size_t avro_depth_limit = 64;

// Writes a JSON value that Avro's data is as JSON, on one line. A record CloudEventData is an object, whose members are
// those of its one field. \see Avro Event Format 1.0.2, section 2.4
class avro_json {
 public:
  avro_json(must::detail::avro::decoder& from, std::string& out) : from_(from), out_(out) {}

  // Takes what follows the index `branch` of the union `data`, which is no bytes and no null.
  void take_data(std::size_t branch) {
    switch (branch) {
      case 2: return take_boolean();
      case 3: return take_object([this] { take_member(); });
      case 4: return take_array();
      case 5: return take_number();
      default: return take_string();
    }
  }

 private:
  // Takes a value of the map that is the data itself. It can be no array.
  void take_member() {
    switch (from_.take_branch(5)) {
      case 0: return take_null();
      case 1: return take_boolean();
      case 2: return take_record();
      case 3: return take_number();
      default: return take_string();
    }
  }
  // Takes a value of the map that a record has.
  void take_record_member() {
    switch (from_.take_branch(6)) {
      case 0: return take_null();
      case 1: return take_boolean();
      case 2: return take_object([this] { take_record(); });
      case 3: return take_array();
      case 4: return take_number();
      default: return take_string();
    }
  }
  void take_record() {
    take_object([this] { take_record_member(); });
  }

  template <typename Value>
  void take_object(Value value) {
    begin('{');
    std::set<std::string_view> names;
    for (must::detail::avro::items entries(from_, 2); entries.next();) {
      const auto start = from_.offset();
      const auto name = from_.take_string();
      if (!names.insert(name).second)
        throw must::detail::avro::malformed("has the name " + in_quotes(name) + " twice in one map", start);
      if (names.size() > 1) out_ += ',';
      must::detail::text::append_json_string(out_, name);
      out_ += ':';
      value();
    }
    end('}');
  }
  void take_array() {
    begin('[');
    bool first = true;
    for (must::detail::avro::items records(from_, 1); records.next();) {
      if (!std::exchange(first, false)) out_ += ',';
      take_record();
    }
    end(']');
  }
  void begin(char bracket) {
    if (depth_++ == avro_depth_limit)
      throw must::detail::avro::malformed("nests deeper than " + std::to_string(avro_depth_limit) + " levels",
                                          from_.offset());
    out_ += bracket;
  }
  void end(char bracket) {
    --depth_;
    out_ += bracket;
  }

  void take_null() { out_ += "null"; }
  void take_boolean() { out_ += from_.take_boolean() ? "true" : "false"; }
  void take_string() { must::detail::text::append_json_string(out_, from_.take_string()); }
  void take_number() {
    const auto start = from_.offset();
    const auto number = from_.take_double();
    if (!std::isfinite(number))
      throw must::detail::avro::malformed("has a number that is not finite, which JSON cannot hold,", start);
    char text[32];
    const auto written = std::to_chars(text, text + sizeof text, number);
    out_.append(text, written.ptr);
  }

  must::detail::avro::decoder& from_;
  std::string& out_;
  std::size_t depth_ = 0;
};

// Takes the field `data` of an event. A JSON value is read as the JSON format reads it.
inline payload take_avro_data(std::string content_type, must::detail::avro::decoder& from) {
  const auto branch = from.take_branch(7);
  if (branch == 0) return data_of({std::move(content_type), from.take_bytes()});
  if (branch == 1) return payload::absent(std::move(content_type));
  std::string json;
  avro_json(from, json).take_data(branch);
  return read_data(std::move(content_type), json, {});
}

}  // namespace must::cloudevents::detail
