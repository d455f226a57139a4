// SPDX-License-Identifier: MIT
// A query as SQL: items of one shape are one branch, and every branch walks an index in the order of positions.
#pragma once

#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/storage/postgres/parameters.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace must::detail::postgres {

// Returns a number as a bigint. A larger one than the largest bigint selects the same events as that.
inline std::uint64_t pg_clamp(std::uint64_t value) {
  return std::min<std::uint64_t>(value, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
}

// The items of a query as arrays: the types and tags of all items, and which of them belong to each.
struct pg_items {
  pg_array type_from{pg_type::int4}, type_to{pg_type::int4}, tag_from{pg_type::int4}, tag_to{pg_type::int4};
  pg_array stream{pg_type::text}, types{pg_type::text}, tags{pg_type::text};

  void add(const query_item& item) {
    add(item.types, types, type_from, type_to);
    add(item.tags, tags, tag_from, tag_to);
    item.stream ? stream.add(*item.stream) : stream.add_null();
  }

 private:
  static void add(std::vector<std::string> names, pg_array& all, pg_array& from, pg_array& to) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    from.add_integer(all.size() + 1);
    for (const auto& name : names) all.add(name);
    to.add_integer(all.size());
  }
};

// A page of events, as a text and its parameters. $1 and $2 bound the positions, $3 is the highest number of events,
// and $4 is the highest number of bytes of a column. With a window of versions $5 and $6 bound the versions.
class pg_select {
 public:
  pg_select(const query& which, const read_options& options, std::uint64_t inline_bytes)
      : backwards_(options.order == direction::backwards), windowed_(is_windowed(options)) {
    parameters_.add(pg_clamp(options.after));
    parameters_.add(pg_clamp(options.until));
    parameters_.add(std::uint64_t{0});
    parameters_.add(static_cast<std::int32_t>(inline_bytes));
    if (windowed_) {
      parameters_.add(pg_clamp(options.after_version.value));
      parameters_.add(pg_clamp(options.until_version.value));
    }
    sql_ = which.is_all() ? columns() + " FROM {s}.event e WHERE " + range("e.position") + ordered("e.position")
                          : of_items(which.items());
  }

  [[nodiscard]] const std::string& sql() const noexcept { return sql_; }
  [[nodiscard]] const pg_parameters& parameters() const noexcept { return parameters_; }
  void set_range(position after, position until, std::uint64_t count) {
    parameters_.set(1, pg_clamp(after));
    parameters_.set(2, pg_clamp(until));
    parameters_.set(3, count);
  }
  // Selects whole events at the positions $1, as many as have $2 bytes, or one.
  static std::string whole(bool backwards) {
    const std::string order = std::string(" ORDER BY position") + (backwards ? " DESC" : "");
    return columns(true) +
           " FROM (SELECT *, sum(octet_length(tags) + octet_length(attributes) + octet_length(data)) OVER (" + order +
           ") AS bytes, row_number() OVER (" + order +
           ") AS number FROM {s}.event WHERE position = ANY($1)) e WHERE e.bytes <= $2 OR e.number = 1" + order;
  }
  // The columns of an event e. A column of more than $4 bytes is NULL.
  static std::string columns(bool whole = false) {
    const auto bytes = [&](const std::string& name) {
      return whole ? ", e." + name : ", CASE WHEN octet_length(e." + name + ") <= $4 THEN e." + name + " END";
    };
    return "SELECT e.position, e.stream, e.version, e.type, e.id, e.source, e.time, e.recorded_at, e.content_type, "
           "e.state" +
           bytes("tags") + bytes("attributes") + bytes("data");
  }

 private:
  enum shape : std::size_t {
    one_type,
    stream,
    typed_stream,
    tagged_stream,
    typed_tagged_stream,
    tag,
    typed_tag,
    tags,
    typed_tags,
    shapes
  };
  struct branch {
    pg_array name{pg_type::text};  // This array holds the types, streams or tags that are walked.
    pg_array type_from{pg_type::int4}, type_to{pg_type::int4}, tag_from{pg_type::int4}, tag_to{pg_type::int4};
  };

  static bool is_windowed(const read_options& options) {
    return options.after_version != 0 || options.until_version != read_options{}.until_version;
  }
  [[nodiscard]] std::string range(const std::string& position) const {
    auto text = position + " > $1 AND " + position + " <= $2";
    if (windowed_ && position == walked_) text += " AND e.version > $5 AND e.version <= $6";
    return text;
  }
  [[nodiscard]] std::string ordered(const std::string& by) const {
    return " ORDER BY " + by + (backwards_ ? " DESC" : "") + " LIMIT $3";
  }

  std::string of_items(const std::vector<query_item>& items) {
    std::array<branch, shapes> branches;
    pg_array types(pg_type::text), tags_of_all(pg_type::text);
    for (auto item : items) {
      std::sort(item.tags.begin(), item.tags.end());
      item.tags.erase(std::unique(item.tags.begin(), item.tags.end()), item.tags.end());
      if (!item.stream && item.tags.empty()) {
        for (const auto& type : item.types) branches[one_type].name.add(type);
        continue;
      }
      const bool typed = !item.types.empty();
      const auto which = item.stream ? stream + (item.tags.empty() ? 0U : 2U) : item.tags.size() == 1 ? tag : tags;
      auto& to = branches[which + (typed ? 1U : 0U)];
      to.name.add(item.stream ? *item.stream : item.tags.front());
      to.type_from.add_integer(types.size() + 1);
      for (const auto& type : item.types) types.add(type);
      to.type_to.add_integer(types.size());
      to.tag_from.add_integer(tags_of_all.size() + 1);
      for (const auto& one : item.tags) tags_of_all.add(one);
      to.tag_to.add_integer(tags_of_all.size());
    }
    types_ = "$" + std::to_string(parameters_.add(std::move(types)));
    tags_ = "$" + std::to_string(parameters_.add(std::move(tags_of_all)));
    if (auto direct = alone(branches); !direct.empty()) return direct;
    std::string walks;
    for (std::size_t i = 0; i < shapes; ++i) {
      if (branches[i].name.size() == 0) continue;
      if (!walks.empty()) walks += " UNION ALL ";
      walks += walk(static_cast<shape>(i), branches[i]);
    }
    if (walks.empty()) walks = "SELECT NULL::bigint AS position WHERE false";
    return columns() + " FROM (SELECT DISTINCT w.position FROM (" + walks + ") w" + ordered("w.position") +
           ") p JOIN {s}.event e ON e.position = p.position ORDER BY p.position" + (backwards_ ? " DESC" : "");
  }

  // Returns one walk for a query of one stream, one type or one tag and nothing else, and nothing for any other query.
  std::string alone(std::array<branch, shapes>& branches) {
    std::size_t only = shapes;
    for (std::size_t i = 0; i < shapes; ++i) {
      if (branches[i].name.size() == 0) continue;
      if (only != shapes || branches[i].name.size() != 1) return {};
      only = i;
    }
    if (only != one_type && only != stream && only != tag) return {};
    const auto name = "($" + std::to_string(parameters_.add(std::move(branches[only].name))) + "::text[])[1]";
    if (only == tag)
      return columns() + " FROM (SELECT t.position FROM {s}.tag t WHERE t.tag = " + name + " AND " +
             range("t.position") + ordered("t.position") +
             ") p JOIN {s}.event e ON e.position = p.position ORDER BY p.position" + (backwards_ ? " DESC" : "");
    return columns() + " FROM {s}.event e WHERE " + (only == stream ? "e.stream = " : "e.type = ") + name + " AND " +
           range(walked_) + ordered(windowed_ ? "e.version" : walked_);
  }

  // Selects the positions of all items of one shape. Each item walks the index entries of its own q.name.
  std::string walk(shape which, branch& of) {
    std::string from;
    const auto add = [&](pg_array& values, const char* type) {
      from += (from.empty() ? "$" : ", $") + std::to_string(parameters_.add(std::move(values))) + "::" + type + "[]";
    };
    add(of.name, "text");
    add(of.type_from, "int");
    add(of.type_to, "int");
    add(of.tag_from, "int");
    add(of.tag_to, "int");
    const bool typed =
        which == typed_stream || which == typed_tagged_stream || which == typed_tag || which == typed_tags;
    const auto slice = "(" + tags_ + "::text[])[q.tag_from:q.tag_to]";
    const auto all_tags = [&](const std::string& row) {
      return " AND (SELECT count(*) FROM {s}.tag x WHERE x.position = " + row + ".position AND x.tag = ANY(" + slice +
             ")) = q.tag_to - q.tag_from + 1";
    };
    std::string inner;
    if (which <= typed_tagged_stream) {
      inner = std::string("SELECT e.position FROM {s}.event e WHERE ") + (which == one_type ? "e.type" : "e.stream") +
              " = q.name AND " + range(walked_);
      if (typed) inner += " AND e.type = ANY((" + types_ + "::text[])[q.type_from:q.type_to])";
      if (which >= tagged_stream) inner += all_tags("e");
      inner += ordered(windowed_ ? "e.version" : walked_);
    } else {
      const bool several = which >= tags;
      inner = std::string("SELECT t.position FROM {s}.tag t WHERE t.tag = ") + (several ? "d.tag" : "q.name") +
              " AND " + range("t.position");
      if (typed) inner += " AND t.type = ANY((" + types_ + "::text[])[q.type_from:q.type_to])";
      if (several) inner += all_tags("t");
      inner += ordered("t.position");
    }
    auto text = "SELECT m.position FROM unnest(" + from + ") AS q(name, type_from, type_to, tag_from, tag_to) ";
    if (which >= tags)  // The rarest tag is walked. All tags of more than 1,000 events count as equal.
      text += "CROSS JOIN LATERAL (SELECT c.tag FROM unnest(" + slice +
              ") AS c(tag) ORDER BY (SELECT count(*) FROM (SELECT FROM {s}.tag n "
              "WHERE n.tag = c.tag AND " +
              range("n.position") + " LIMIT 1000) few) LIMIT 1) d ";
    return text + "CROSS JOIN LATERAL (" + inner + ") m";
  }

  // The expression stands so in the indexes of streams and types.
  static constexpr const char* walked_ = "e.position + 0";
  bool backwards_, windowed_;
  pg_parameters parameters_{};
  std::string types_{}, tags_{};  // These parameters hold the types and tags of all items.
  std::string sql_{};
};

}  // namespace must::detail::postgres
