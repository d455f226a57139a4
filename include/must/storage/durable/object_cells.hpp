// SPDX-License-Identifier: MIT
// Cells as objects: each has its revision in it, and is replaced by its etag.
#pragma once

#include "must/detail/crc32c.hpp"
#include "must/detail/sha256.hpp"
#include "must/error.hpp"
#include "must/storage.hpp"
#include "must/storage/durable/attempts.hpp"
#include "must/storage/durable/damage.hpp"
#include "must/storage/kit/row.hpp"
#include "must/storage/log/appending.hpp"
#include "must/storage/objects.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace must::detail::durable {

// The name of a cell as a part of a key: letters, digits, "-" and "_" are themselves, every other byte is "%" and two
// digits. So the names that start with a text are the keys that start with its encoding.
[[nodiscard]] inline std::string percent_encoded(std::string_view name) {
  constexpr char hex[] = "0123456789ABCDEF";
  std::string text;
  for (const char c : name) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    const auto byte = static_cast<unsigned char>(c);
    if (is_plain)
      text += c;
    else
      text.append({'%', hex[byte >> 4U], hex[byte & 15U]});
  }
  return text;
}

inline constexpr std::string_view cell_folder = "cells/";
// A name whose encoding is longer is its digest instead, behind this text, whose point is in no encoding.
inline constexpr std::string_view digest_mark = "cells/sha256.";
inline constexpr std::size_t longest_encoding = 200;

[[nodiscard]] inline std::string cell_key(std::string_view name) {
  const auto encoded = percent_encoded(name);
  if (encoded.size() <= longest_encoding) return std::string(cell_folder) + encoded;
  constexpr char hex[] = "0123456789abcdef";
  std::string key(digest_mark);
  sha256 digest;
  digest.update(name);
  for (const unsigned byte : digest.finish()) key.append({hex[byte >> 4U], hex[byte & 15U]});
  return key;
}

// A cell as an object holds it. A cell that was removed is an object without bytes, since some storages remove objects
// whatever their etag is.
struct stored_cell {
  std::string name{};
  cell value{};
  std::string id{};    // A UUID, which tells this put from every other.
  std::string etag{};  // It is empty when there is no object.

  [[nodiscard]] std::string bytes() const {
    kit::row_writer to;
    to.text("must cell 1").text(name).integer(value.revision).text(id).text(value.bytes);
    const auto crc = crc32c(to.bytes);
    return std::move(to.integer(crc).bytes);
  }
  [[nodiscard]] static stored_cell of(const std::string& key, const object& found) {
    stored_cell made;
    made.etag = found.etag;
    if (found.bytes.empty()) return made;
    try {
      kit::row_reader from(found.bytes);
      if (from.text() != "must cell 1") raise_damaged(key, "it is no cell");
      made.name = from.text();
      made.value.revision = from.integer();
      made.id = from.text();
      made.value.bytes = from.text();
      const auto crc = from.integer();
      auto bytes = found.bytes;
      if (!from.done()) raise_damaged(key, "it goes on behind its cell");
      kit::row_writer last;
      bytes.resize(bytes.size() - std::min(bytes.size(), last.integer(crc).bytes.size()));
      if (crc != crc32c(bytes)) raise_damaged(key, "its content has another CRC-32C");
    } catch (const codec_error&) {
      raise_damaged(key, "its parts do not end where it ends");
    }
    return made;
  }
};

// Any number of threads may use one. The keys are names.
template <ObjectStorage O>
class object_cells {
 public:
  object_cells(O& objects, duration timeout) : objects_(objects), timeout_(timeout) {}

  [[nodiscard]] std::optional<cell> get(std::string_view name) {
    attempts tries(timeout_);
    auto found = find(name, cell_key(name), tries);
    if (found.value.revision == 0) return std::nullopt;
    return std::move(found.value);
  }
  bool put(std::string_view name, std::string_view bytes, std::uint64_t expected) {
    const stored_cell made{std::string(name), {std::string(bytes), expected + 1}, log::new_id(), {}};
    return replace(name, made.bytes(), expected, [&](const stored_cell& found) {
      return found.value.revision == made.value.revision ? std::optional(found.id == made.id) : std::nullopt;
    });
  }
  bool remove(std::string_view name, std::uint64_t expected) {
    if (expected == 0) return false;
    return replace(name, {}, expected, [](const stored_cell& found) {
      return found.value.revision == 0 ? std::optional(true) : std::nullopt;
    });
  }
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix) {
    attempts tries(timeout_);
    std::vector<std::string> names;
    const auto encoded = percent_encoded(prefix);
    if (encoded.size() <= longest_encoding)
      for_objects(std::string(cell_folder) + encoded, tries, [&](const std::string& key) {
        if (auto name = decoded(std::string_view(key).substr(cell_folder.size()))) names.push_back(*std::move(name));
      });
    for_objects(digest_mark, tries, [&](const std::string& key) {
      const auto found = tries.read([&] { return objects_.get(key, {}); });
      if (!found) return;
      auto one = stored_cell::of(key, *found);
      if (one.value.revision != 0 && one.name.starts_with(prefix)) names.push_back(std::move(one.name));
    });
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  // Replaces a cell of the expected revision. `is_ours(found)` says whether a cell that was found after a put without
  // an answer is what was put, or nothing when it cannot be told.
  template <typename IsOurs>
  bool replace(std::string_view name, const std::string& bytes, std::uint64_t expected, IsOurs&& is_ours) {
    attempts tries(timeout_);
    const auto key = cell_key(name);
    std::string reason;  // Why a put has no answer, if one has none.
    for (auto known = remembered(key, expected);; known.reset(), tries.pause()) {
      if (!known) known = find(name, key, tries);
      if (known->value.revision != expected) {
        if (reason.empty()) return false;
        if (const auto ours = is_ours(*known)) return *ours;
        raise_unknown(key, "another was put there after a put without an answer: " + reason);
      }
      const auto answer = tries.put(key, [&] {
        return known->etag.empty() ? objects_.put_if_absent(key, bytes)
                                   : objects_.put_if_match(key, bytes, known->etag);
      });
      if (answer.outcome == object_outcome::done) {
        remember(key, bytes.empty() ? 0 : expected + 1, answer.etag);
        return true;
      }
      forget(key);
      if (answer.outcome == object_outcome::unknown) reason = answer.reason.empty() ? "no reason" : answer.reason;
      if (tries.is_over()) {
        if (!reason.empty()) raise_unknown(key, reason);
        raise({.code = error_code::storage_error,
               .message = "put: others were faster to replace the object " + key + ", past the deadline",
               .operation = "put",
               .retryable = true});
      }
    }
  }
  [[noreturn]] static void raise_unknown(const std::string& key, const std::string& why) {
    raise({.code = error_code::outcome_unknown,
           .message = "put: the storage does not say whether the object " + key + " is replaced: " + why,
           .operation = "put"});
  }
  // Returns the cell as it is stored, with revision 0 when there is none.
  [[nodiscard]] stored_cell find(std::string_view name, const std::string& key, attempts& tries) {
    const auto found = tries.read([&] { return objects_.get(key, {}); });
    if (!found) return {};
    auto made = stored_cell::of(key, *found);
    if (made.value.revision != 0 && made.name != name) raise_damaged(key, "it holds the cell \"" + made.name + "\"");
    remember(key, made.value.revision, made.etag);
    return made;
  }
  // Calls `use(key)` for the cells whose keys start with a prefix, but for those that were removed.
  template <typename Use>
  void for_objects(std::string_view prefix, attempts& tries, Use&& use) {
    std::string after;
    for (bool goes_on = true; goes_on;) {
      const auto page = tries.read([&] { return objects_.list(prefix, after); });
      for (const auto& one : page.objects)
        if (one.size > 0) use(one.key);
      goes_on = !page.complete && !page.objects.empty();
      if (goes_on) after = page.objects.back().key;
    }
  }
  [[nodiscard]] static std::optional<std::string> decoded(std::string_view text) {
    const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'A' + 10); };
    std::string name;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] != '%') {
        name += text[at];
        continue;
      }
      if (at + 2 >= text.size()) return std::nullopt;
      name += static_cast<char>(static_cast<unsigned char>(digit(text[at + 1]) * 16 + digit(text[at + 2])));
      at += 2;
    }
    if (percent_encoded(name) != text) return std::nullopt;
    return name;
  }

  // The etags that were seen last spare a look at the object before it is replaced.
  struct seen {
    std::uint64_t revision;
    std::string etag;
  };
  [[nodiscard]] std::optional<stored_cell> remembered(const std::string& key, std::uint64_t expected) {
    const std::lock_guard lock(mutex_);
    const auto found = seen_.find(key);
    if (found != seen_.end() && found->second.revision == expected)
      return stored_cell{{}, {{}, expected}, {}, found->second.etag};
    if (expected == 0 && found == seen_.end()) return stored_cell{};  // Most likely there is none yet.
    return std::nullopt;
  }
  void remember(const std::string& key, std::uint64_t revision, const std::string& etag) {
    constexpr std::size_t most = 4'096;
    const std::lock_guard lock(mutex_);
    if (seen_.size() >= most) seen_.clear();
    seen_.insert_or_assign(key, seen{revision, etag});
  }
  void forget(const std::string& key) {
    const std::lock_guard lock(mutex_);
    seen_.erase(key);
  }

  O& objects_;
  duration timeout_;
  std::mutex mutex_{};
  std::unordered_map<std::string, seen> seen_{};
};

}  // namespace must::detail::durable
