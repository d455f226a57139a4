// SPDX-License-Identifier: MIT
// A cell that only its present owner can write: whoever takes it over makes every later write of the former fail.
#pragma once

#include "must/error.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/text/utf8.hpp"
#include "must/timestamp.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace must::detail::following {

// Texts without NUL as one, and back.
inline std::string join_fields(const std::vector<std::string>& fields) {
  std::string all;
  for (const auto& field : fields) {
    all += field;
    all += '\0';
  }
  return all;
}
inline std::vector<std::string> split_fields(std::string_view all) {
  std::vector<std::string> fields;
  while (!all.empty()) {
    const auto end = all.find('\0');
    fields.emplace_back(all.substr(0, end));
    all.remove_prefix(end == std::string_view::npos ? all.size() : end + 1);
  }
  return fields;
}
inline std::string cell_text(std::string_view text, std::size_t most = 500) {
  std::string kept;
  for (const auto byte : text::cut(text, most)) kept += byte == '\0' ? ' ' : byte;
  return kept;
}
[[noreturn]] inline void refuse_cell(const std::string& why) {
  raise({.code = error_code::storage_error, .message = "a cell of a subscription " + why, .operation = "get"});
}
// The number in a field, 0 where there is none.
template <typename Number = std::uint64_t>
Number read_count(const std::vector<std::string>& fields, std::size_t at,
                  Number most = std::numeric_limits<Number>::max()) {
  Number count = 0;
  if (at >= fields.size()) return count;
  const auto* const end = fields[at].data() + fields[at].size();
  const auto [stop, failure] = std::from_chars(fields[at].data(), end, count);
  if (failure != std::errc() || stop != end || count > most)
    refuse_cell("is damaged: it has " + text::in_quotes(fields[at]) + " where a number belongs");
  return count;
}
inline std::string read_field(const std::vector<std::string>& fields, std::size_t at) {
  return at < fields.size() ? fields[at] : std::string();
}

// Who may write. `epoch` grows with every change of the owner.
struct ownership {
  std::string owner{};
  std::uint64_t epoch = 0;
  std::int64_t lease = 0;  // microseconds

  friend bool operator==(const ownership&, const ownership&) = default;
};

// The owner, then the fields of whatever the cell is for.
struct owned_fields {
  ownership by{};
  std::vector<std::string> fields{};

  [[nodiscard]] std::string bytes() const {
    std::vector<std::string> all{"1", by.owner, std::to_string(by.epoch), std::to_string(by.lease)};
    all.insert(all.end(), fields.begin(), fields.end());
    return join_fields(all);
  }
  [[nodiscard]] static owned_fields of(std::string_view bytes) {
    auto all = split_fields(bytes);
    if (all.size() < 4 || all[0] != "1") refuse_cell("has a format that this version of must does not know");
    owned_fields made{{all[1], read_count(all, 2), read_count<std::int64_t>(all, 3, longest_span)}, {}};
    made.fields.assign(all.begin() + 4, all.end());
    return made;
  }
};

template <CellStorage S>
class fenced_cell {
 public:
  fenced_cell(S& storage, std::string key) : storage_(&storage), key_(std::move(key)) {}

  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] std::optional<cell> get() const { return storage_->get(key_); }

  // Becomes the owner's, with the fields it has; false when another was faster.
  bool take(const ownership& by, const std::optional<cell>& seen) {
    auto content = seen ? owned_fields::of(seen->bytes) : owned_fields{};
    content.by = by;
    revision_ = seen ? seen->revision : 0;
    by_ = by;
    fields_ = content.fields;
    if (!storage_->put(key_, content.bytes(), revision_)) return false;
    ++revision_;
    return true;
  }
  // The same where the owner of another cell comes here: whoever came later, by the epoch, has it already.
  void take(const ownership& by) {
    for (;;) {
      const auto seen = get();
      lost_ = seen && owned_fields::of(seen->bytes).by.epoch > by.epoch;
      if (lost_ || take(by, seen)) return;
    }
  }
  [[nodiscard]] const std::vector<std::string>& fields() const { return fields_; }

  // False when the cell is another owner's, now and for ever. What was thrown before the answer came may be sent again.
  bool write(std::vector<std::string> fields) {
    return write_by(by_, std::move(fields),
                    [&](std::string_view bytes) { return storage_->put(key_, bytes, revision_); });
  }
  // The same, with the caller's work in the transaction of the write; the fields differ from those before.
  template <typename Work>
  bool write_with(std::vector<std::string> fields, Work&& work) {
    return write_by(by_, std::move(fields),
                    [&](std::string_view bytes) { return storage_->put_with(key_, bytes, revision_, work); });
  }
  // Leaves the cell to whoever comes.
  bool give_up() {
    const bool done = write_by({"", by_.epoch, by_.lease}, fields_,
                               [&](std::string_view bytes) { return storage_->put(key_, bytes, revision_); });
    lost_ = true;
    return done;
  }

 private:
  template <typename Put>
  bool write_by(const ownership& by, std::vector<std::string> fields, Put&& put) {
    if (lost_) return false;
    const auto bytes = owned_fields{by, fields}.bytes();
    while (!put(bytes)) {
      const auto now = get();
      const bool is_done = now && now->bytes == bytes;
      lost_ = !is_done && (!now || owned_fields::of(now->bytes).by != by_);
      if (lost_) return false;
      revision_ = now->revision;
      if (is_done) return keep(std::move(fields));
    }
    ++revision_;
    return keep(std::move(fields));
  }
  bool keep(std::vector<std::string> fields) {
    fields_ = std::move(fields);
    return true;
  }

  S* storage_;
  std::string key_;
  ownership by_{};
  std::uint64_t revision_ = 0;
  bool lost_ = false;
  std::vector<std::string> fields_{};
};

}  // namespace must::detail::following
