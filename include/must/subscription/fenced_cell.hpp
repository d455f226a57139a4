// SPDX-License-Identifier: MIT
// A cell that only its present owner can write. After a take-over every later write of the former owner fails.
#pragma once

#include "must/storage.hpp"
#include "must/subscription/fields.hpp"  // IWYU pragma: export
#include "must/timestamp.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::following {

// The owner of a cell. `epoch` grows with every change of the owner.
struct ownership {
  std::string owner{};
  std::uint64_t epoch = 0;
  std::int64_t lease = 0;   // Microseconds.
  std::uint64_t since = 0;  // What an earlier epoch left in a cell is void. Only the checkpoint stores this.

  friend bool operator==(const ownership&, const ownership&) = default;
};

// The content of a cell: the owner, and then the fields for whatever the cell is for.
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

  // Takes the cell for the owner, with these fields. Returns false when another was faster.
  bool take(const ownership& by, const std::optional<cell>& seen, std::vector<std::string> fields) {
    revision_ = seen ? seen->revision : 0;
    by_ = by;
    auto bytes = owned_fields{by, fields}.bytes();
    if (!storage_->put(key_, bytes, revision_)) return false;
    ++revision_;
    confirm(std::move(bytes), std::move(fields));
    return true;
  }
  // Takes the cell for the owner of another cell. A later owner, by its epoch, has it already. The fields stay, unless
  // they are void.
  void take(const ownership& by) {
    for (;;) {
      const auto seen = get();
      auto content = seen ? owned_fields::of(seen->bytes) : owned_fields{};
      lost_ = content.by.epoch > by.epoch;
      if (content.by.epoch < by.since) content.fields.clear();
      if (lost_ || take(by, seen, std::move(content.fields))) return;
    }
  }
  [[nodiscard]] const std::vector<std::string>& fields() const { return fields_; }

  // Writes the cell. Returns false when the cell is another owner's, or has what this one did not write last, now and
  // for ever. After an exception the same write may be sent again.
  bool write(std::vector<std::string> fields) {
    return write_by(by_, std::move(fields),
                    [&](std::string_view bytes) { return storage_->put(key_, bytes, revision_); });
  }
  // Writes the cell with work in the transaction of the write. The fields differ from those before.
  template <typename Work>
  bool write_with(std::vector<std::string> fields, Work&& work) {
    return write_by(by_, std::move(fields),
                    [&](std::string_view bytes) { return storage_->put_with(key_, bytes, revision_, work); });
  }
  // Leaves the cell to the next owner, with these fields.
  bool give_up(std::vector<std::string> fields) {
    const bool done = write_by({"", by_.epoch, by_.lease}, std::move(fields),
                               [&](std::string_view bytes) { return storage_->put(key_, bytes, revision_); });
    lost_ = true;
    return done;
  }
  bool give_up() { return give_up(fields_); }

 private:
  template <typename Put>
  bool write_by(const ownership& by, std::vector<std::string> fields, Put&& put) {
    if (lost_) return false;
    auto bytes = owned_fields{by, fields}.bytes();
    const bool is_sent_again = std::find(attempted_.begin(), attempted_.end(), bytes) != attempted_.end();
    if (!is_mine(bytes)) attempted_.push_back(bytes);
    try {
      while (!put(bytes)) {
        const auto now = get();
        const bool is_done = now && now->bytes == bytes;
        lost_ = !is_done && (!now || !is_mine(now->bytes));
        if (lost_) return false;
        revision_ = now->revision;
        if (is_done) return confirm(std::move(bytes), std::move(fields));
      }
    } catch (...) {
      if (!is_sent_again || !stands(bytes)) throw;
      return confirm(std::move(bytes), std::move(fields));
    }
    ++revision_;
    return confirm(std::move(bytes), std::move(fields));
  }
  // Returns whether an earlier write has put the content, though it got no answer. Throws what the store throws.
  bool stands(const std::string& bytes) {
    const auto now = get();
    if (!now || now->bytes != bytes) return false;
    revision_ = now->revision;
    return true;
  }
  // Returns whether this owner wrote the content last, or has tried to since and got no answer.
  [[nodiscard]] bool is_mine(const std::string& bytes) const {
    return bytes == confirmed_ || std::find(attempted_.begin(), attempted_.end(), bytes) != attempted_.end();
  }
  bool confirm(std::string bytes, std::vector<std::string> fields) {
    confirmed_ = std::move(bytes);
    attempted_.clear();
    fields_ = std::move(fields);
    return true;
  }

  S* storage_;
  std::string key_;
  ownership by_{};
  std::uint64_t revision_ = 0;
  bool lost_ = false;
  std::string confirmed_{};
  std::vector<std::string> attempted_{}, fields_{};
};

}  // namespace must::detail::following
