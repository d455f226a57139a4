// SPDX-License-Identifier: MIT
// The Parsing Canonical Form of an Avro schema, in which schemas are compared.
#pragma once

#include "must/avro/decode.hpp"
#include "must/text/json_text.hpp"
#include "must/text/quoted.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::avro {

// A schema, and the name that a person calls it by.
struct canonical_schema {
  std::string text{};
  std::string name{};
};

// Writes schemas in the Parsing Canonical Form. A logical type stays, unless it is timestamp-micros, since values of
// others are other values. \see Avro 1.9.0, "Transforming into Parsing Canonical Form"
class canonical_writer {
 public:
  // Returns the canonical form of a schema as JSON, or throws malformed.
  [[nodiscard]] canonical_schema write(std::string_view json) && {
    constexpr std::size_t most_levels = 64;  // Writing recurses.
    if (const auto flaw = text::json_flaw(json, most_levels))
      throw malformed("has a schema that is not JSON: " + *flaw + ", which is", 0);
    while (text::is_json_space(json.front())) json.remove_prefix(1);
    while (text::is_json_space(json.back())) json.remove_suffix(1);
    write_type(json, {});
    return {std::move(out_), name_.empty() ? "without a name" : std::move(name_)};
  }

 private:
  // The members of an object, by their names.
  class members {
   public:
    explicit members(std::string_view object) {
      for (text::json_cursor from(object); from.next();) {
        auto name = text_of(from.take_name());
        values_.insert_or_assign(std::move(name), from.take_value());
      }
    }
    [[nodiscard]] bool has(std::string_view name) const { return values_.contains(name); }
    [[nodiscard]] std::string_view operator[](std::string_view name) const {
      const auto found = values_.find(name);
      if (found == values_.end()) throw malformed("has a schema without " + text::in_quotes(name), 0);
      return found->second;
    }
    [[nodiscard]] std::string text(std::string_view name) const { return text_of((*this)[name]); }

   private:
    std::map<std::string, std::string_view, std::less<>> values_{};  // NOLINT(misc-include-cleaner)
  };

  static std::string text_of(std::string_view json) {
    if (json.front() != '"') throw malformed("has a schema with a value that is not a string", 0);
    if (auto read = text::read_json_string(json)) return *std::move(read);
    throw malformed("has a schema with half of a surrogate pair", 0);
  }
  static bool is_primitive(std::string_view name) {
    for (const std::string_view one : {"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
      if (name == one) return true;
    return false;
  }
  // Returns a name with its namespace, which is `space` when it has none of its own.
  static std::string full_name(const std::string& name, const std::string& space) {
    return space.empty() || name.find('.') != std::string::npos ? name : space + "." + name;
  }

  void write_type(std::string_view json, const std::string& space) {
    if (json.front() == '"') return write_named(text_of(json), space);
    if (json.front() == '{') return write_object(members(json), space);
    if (json.front() != '[') throw malformed("has a schema with a type that is none", 0);
    write_list(json, [&](std::string_view branch) { write_type(branch, space); });
  }
  void write_named(const std::string& name, const std::string& space) {
    text::append_json_string(out_, is_primitive(name) ? name : full_name(name, space));
  }
  template <typename Write>
  void write_list(std::string_view json, Write&& write) {
    if (json.front() != '[') throw malformed("has a schema with a value that is not an array", 0);
    out_ += '[';
    bool is_first = true;
    for (text::json_cursor from(json); from.next();) {
      if (!std::exchange(is_first, false)) out_ += ',';
      write(from.take_value());
    }
    out_ += ']';
  }
  void write_object(const members& of, const std::string& space) {
    const auto type = of["type"];
    const auto kind = type.front() == '"' ? text_of(type) : std::string();
    if (kind == "array" || kind == "map") {
      const std::string_view inner = kind == "array" ? "items" : "values";
      out_ += "{\"type\":\"" + kind + "\",\"" + std::string(inner) + "\":";
      write_type(of[inner], space);
      out_ += '}';
    } else if (kind == "record" || kind == "enum" || kind == "fixed") {
      write_definition(of, kind, space);
    } else if (of.has("logicalType") && of.text("logicalType") != "timestamp-micros") {
      out_ += "{\"type\":";
      write_type(type, space);
      out_ += ",\"logicalType\":";
      text::append_json_string(out_, of.text("logicalType"));
      out_ += '}';
    } else {
      write_type(type, space);
    }
  }
  void write_definition(const members& of, const std::string& kind, const std::string& space) {
    const auto name = full_name(of.text("name"), of.has("namespace") ? of.text("namespace") : space);
    if (name_.empty()) name_ = name;
    out_ += "{\"name\":";
    text::append_json_string(out_, name);
    out_ += ",\"type\":\"" + kind + "\",";
    if (kind == "record") {
      const auto dot = name.rfind('.');
      const auto inner = dot == std::string::npos ? std::string() : name.substr(0, dot);
      out_ += "\"fields\":";
      write_list(of["fields"], [&](std::string_view field) { write_field(field, inner); });
    } else {
      const std::string_view rest = kind == "enum" ? "symbols" : "size";
      out_ += "\"" + std::string(rest) + "\":";
      text::append_json(out_, of[rest]);
    }
    out_ += '}';
  }
  void write_field(std::string_view json, const std::string& space) {
    if (json.front() != '{') throw malformed("has a schema with a field that is none", 0);
    const members of(json);
    out_ += "{\"name\":";
    text::append_json_string(out_, of.text("name"));
    out_ += ",\"type\":";
    write_type(of["type"], space);
    out_ += '}';
  }

  std::string out_{};
  std::string name_{};  // The name of the first definition.
};

inline canonical_schema to_canonical(std::string_view json) { return canonical_writer().write(json); }

}  // namespace must::detail::avro
