// SPDX-License-Identifier: MIT
// The cells of an Avro store, in a file of their own that grows by a record a change, and is written anew when most of
// it is old. These bytes are stored: do not change them.
#pragma once

#include "must/detail/crc32c.hpp"
#include "must/detail/posix_file.hpp"
#include "must/error.hpp"
#include "must/storage.hpp"
#include "must/storage/avro/frames.hpp"
#include "must/storage/avro/growing_file.hpp"
#include "must/storage/avro/header.hpp"
#include "must/storage/avro/log.hpp"
#include "must/storage/avro/options.hpp"
#include "must/storage/avro/segments.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::avro_log {

inline constexpr std::string_view cells_magic = "must cells 0001\n";
inline constexpr std::size_t cells_header_size = 16 + 36 + 4;

// Writes and reads numbers with their lowest byte first.
inline void put_number(std::string& out, std::uint64_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(static_cast<unsigned char>(number >> (8 * i)));
}
inline std::uint64_t take_number(std::string_view& from, std::size_t bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < bytes; ++i) number |= std::uint64_t{static_cast<unsigned char>(from[i])} << (8 * i);
  from.remove_prefix(bytes);
  return number;
}

// What stands before the key and the value of a record: their sizes, and CRCs of itself and of them.
struct cell_head {
  std::uint32_t crc = 0;
  std::uint64_t revision = 0;  // 0 for a cell that was removed.
  std::uint32_t key_size = 0;
  std::uint64_t value_size = 0;
  static constexpr std::size_t size = 28;

  [[nodiscard]] std::uint64_t whole() const noexcept { return size + key_size + value_size; }
};

inline std::string encode_cell(std::string_view key, std::string_view value, std::uint64_t revision) {
  std::string head;
  put_number(head, crc32c(value, crc32c(key)), 4);
  put_number(head, revision, 8);
  put_number(head, key.size(), 4);
  put_number(head, value.size(), 8);
  std::string made;
  made.reserve(cell_head::size + key.size() + value.size());
  put_number(made, crc32c(head), 4);
  return made.append(head).append(key).append(value);
}
// Returns nothing for bytes that are no head.
inline std::optional<cell_head> decode_cell_head(std::string_view bytes) {
  const auto crc = take_number(bytes, 4);
  if (crc != crc32c(bytes)) return std::nullopt;
  cell_head head;
  head.crc = static_cast<std::uint32_t>(take_number(bytes, 4));
  head.revision = take_number(bytes, 8);
  head.key_size = static_cast<std::uint32_t>(take_number(bytes, 4));
  head.value_size = take_number(bytes, 8);
  return head;
}
inline std::string encode_cells_header(const std::string& uuid) {
  auto bytes = std::string(cells_magic) + uuid;
  put_number(bytes, crc32c(bytes), 4);
  return bytes;
}

// The file as it was opened, and where the newest record of each cell is.
class open_cells {
 public:
  struct entry {
    std::uint64_t revision = 0, offset = 0, bytes = 0;  // The whole record.
  };
  using map = std::map<std::string, entry, std::less<>>;

  open_cells(posix::descriptor opened, const std::string& path, const std::string& uuid)
      : file_(std::move(opened), path, "open") {
    std::string header(cells_header_size, '\0');
    header.resize(posix::read_at(file_.file(), header.data(), header.size(), 0, "open", path));
    if (header == encode_cells_header(uuid)) return;
    if (header.size() == cells_header_size &&
        header == encode_cells_header(header.substr(cells_magic.size(), uuid.size())))
      refuse_file(path, "open", "it has the cells of another store", "foreign");
    raise_damaged(path, 0, "its header is not that of a file of cells", "open");
  }

  [[nodiscard]] growing_file& file() noexcept { return file_; }
  [[nodiscard]] const map& cells() const noexcept { return cells_; }
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }
  [[nodiscard]] std::uint64_t live() const noexcept { return live_; }

  // Reads the records up to `end`, and returns false where the last one is torn.
  bool read_on(std::uint64_t end) {
    file_window window(file_.file(), file_.path(), end);
    while (end_ < end) {
      const auto bytes = window.at(end_, cell_head::size);
      if (bytes.size() < cell_head::size) return false;
      const auto head = decode_cell_head(bytes);
      if (!head) return is_torn(window, end, "the head of its record");
      if (head->key_size > end - end_ || head->value_size > end - end_ || head->whole() > end - end_) return false;
      const auto body = window.at(end_ + cell_head::size, static_cast<std::size_t>(head->whole() - cell_head::size));
      if (crc32c(body) != head->crc || body.size() != head->whole() - cell_head::size)
        return is_torn(window, end_ + head->whole(), "its record");
      note(std::string(body.substr(0, head->key_size)), head->revision, head->whole());
    }
    return true;
  }
  // Notes a record that is at the end.
  void note(std::string key, std::uint64_t revision, std::uint64_t bytes) {
    const entry made{revision, end_, bytes};
    end_ += bytes;
    const auto [at, is_new] = cells_.try_emplace(std::move(key), made);
    if (!is_new) live_ -= at->second.bytes;
    at->second = made;
    live_ += bytes;
    if (revision != 0) return;
    live_ -= bytes;
    cells_.erase(at);
  }
  [[nodiscard]] std::string value_of(const std::string& key, const entry& of) const {
    std::string bytes(static_cast<std::size_t>(of.bytes), '\0');
    bytes.resize(posix::read_at(file_.file(), bytes.data(), bytes.size(), of.offset, "get", file_.path()));
    const auto head = bytes.size() < cell_head::size
                          ? std::nullopt
                          : decode_cell_head(std::string_view(bytes).substr(0, cell_head::size));
    const auto body = std::string_view(bytes).substr(std::min(bytes.size(), cell_head::size));
    if (!head || head->whole() != of.bytes || head->revision != of.revision || crc32c(body) != head->crc ||
        body.substr(0, head->key_size) != key)
      raise_damaged(file_.path(), of.offset, "its record is not what it was", "get");
    return std::string(body.substr(head->key_size));
  }

 private:
  // A record that is not whole is torn where a part of it was never written, and damaged otherwise.
  [[nodiscard]] bool is_torn(file_window& window, std::uint64_t record_end, std::string_view what) {
    if (record_end == window.end() && has_lost_part(window, end_, window.end())) return false;
    raise_damaged(file_.path(), end_, std::string(what) + " has another CRC-32C");
  }

  growing_file file_;
  map cells_{};
  std::uint64_t end_ = cells_header_size, live_ = 0;
};

// Any number of threads may use it.
class cell_file {
 public:
  explicit cell_file(const log_files& of) : of_(of), path_(posix::resolve(of.options().path + ".cells", "open")) {
    const std::lock_guard lock(mutex_);
    catch_up();
    if (open_ == nullptr || of_.options().mode == avro_mode::read_only) return;
    const auto held = begin_writing("open");
  }

  [[nodiscard]] std::optional<cell> get(std::string_view key) {
    const std::lock_guard lock(mutex_);
    catch_up();
    if (open_ == nullptr) return std::nullopt;
    const auto found = open_->cells().find(key);
    if (found == open_->cells().end()) return std::nullopt;
    return cell{open_->value_of(found->first, found->second), found->second.revision};
  }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected) {
    return change("put", key, bytes, expected, expected + 1);
  }
  bool remove(std::string_view key, std::uint64_t expected) {
    return expected != 0 && change("remove", key, {}, expected, 0);
  }
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix) {
    const std::lock_guard lock(mutex_);
    catch_up();
    std::vector<std::string> keys;
    if (open_ == nullptr) return keys;
    const auto& all = open_->cells();
    for (auto at = all.lower_bound(prefix); at != all.end() && at->first.starts_with(prefix); ++at)
      if (!at->first.empty()) keys.push_back(at->first);
    return keys;
  }
  // Returns the incarnation that mark_restored has given the store, and nothing when it has not. It is kept under a key
  // that no cell has.
  [[nodiscard]] std::optional<std::uint64_t> incarnation() {
    const std::lock_guard lock(mutex_);
    catch_up();
    if (open_ == nullptr) return std::nullopt;
    const auto found = open_->cells().find("");
    return found == open_->cells().end() ? std::nullopt : std::optional(found->second.revision);
  }
  void set_incarnation(std::uint64_t made) { change("mark_restored", "", {}, std::nullopt, made); }
  // Reads every cell, and returns how many there are.
  [[nodiscard]] std::uint64_t verify() {
    const std::lock_guard lock(mutex_);
    catch_up();
    if (open_ == nullptr) return 0;
    for (const auto& [key, at] : open_->cells()) static_cast<void>(open_->value_of(key, at));
    return open_->cells().size();
  }
  // Writes the cells as they are now into a file that is not there yet, and returns false when there are none.
  bool copy_to(const std::string& path) {
    const std::lock_guard lock(mutex_);
    catch_up();
    if (open_ == nullptr) return false;
    int code = 0;
    const auto to = posix::open_file(path, O_WRONLY | O_CREAT | O_EXCL, code);
    if (!to) raise(posix::failure(code, "backup", path));
    if (write_live(to, false) && posix::sync(to) == 0) return true;
    code = errno;
    ::unlink(path.c_str());
    raise(posix::failure(code, "backup", path));
  }

 private:
  // Looks for what others have written.
  void catch_up() {
    const auto now = posix::state_at(path_, "get");
    if (!now) {
      if (open_ != nullptr) refuse_file(path_, "get", "it was moved or removed since it was opened", "ESTALE (116)");
      return;
    }
    if (open_ == nullptr || open_->file().place() != now->place) {
      int code = 0;
      auto file = open_segment(path_, of_.options().mode == avro_mode::read_write, "open", code);
      if (!file) raise(posix::failure(code, "open", path_));
      open_ = std::make_unique<open_cells>(std::move(file), path_, of_.header().uuid);
    } else if (now->size == open_->end()) {
      return;
    }
    if (now->size < open_->end()) raise_damaged(path_, now->size, "it became shorter", "get");
    if (open_->file().has_left_over()) return;
    const auto end = open_->file().written_from("get");
    const auto to = std::min(now->size, end.value_or(now->size));
    if (to <= open_->end()) return;
    if (of_.is_durable()) open_->file().make_durable("get");
    static_cast<void>(open_->read_on(to));
  }
  // Returns the lock of the file, when it is the one at its path, all of it is read, and its end is whole.
  [[nodiscard]] std::unique_ptr<file_lock> begin_writing(std::string_view operation) {
    for (;;) {
      catch_up();
      if (open_ == nullptr) {
        make_file(path_, encode_cells_header(of_.header().uuid), of_.is_durable(), operation);
        continue;
      }
      auto held = std::make_unique<file_lock>(open_->file().file(), path_, of_.options().timeout, operation);
      auto& file = open_->file();
      const auto now = posix::state_at(path_, operation);
      if (now && now->place != file.place()) {  // Another process has written it anew.
        held.reset();
        continue;
      }
      const auto size = file.size(operation);
      if (size < open_->end()) raise_damaged(path_, size, "it became shorter", operation);
      if (size > open_->end() && (file.must_cut(open_->end(), operation) || !open_->read_on(size)))
        file.cut(open_->end(), of_.is_durable(), operation);
      return held;
    }
  }
  bool change(std::string_view operation, std::string_view key, std::string_view bytes,
              std::optional<std::uint64_t> expected, std::uint64_t revision) {
    of_.check_writable(operation);
    const auto record = encode_cell(key, bytes, revision);
    const std::lock_guard lock(mutex_);
    const auto held = begin_writing(operation);
    const auto found = open_->cells().find(key);
    if (expected && (found == open_->cells().end() ? 0 : found->second.revision) != *expected) return false;
    open_->file().append(record, open_->end(), of_.is_durable(), operation);
    open_->note(std::string(key), revision, record.size());
    constexpr std::uint64_t least = std::uint64_t{64} << 10U;
    if (open_->end() > least && open_->end() / 4 > open_->live()) compact();
    return true;
  }
  // Writes the file anew. What fails leaves the old file, which is as good.
  void compact() {
    const auto made_as = path_ + ".new";
    int code = 0;
    auto to = posix::open_file(made_as, O_RDWR | O_CREAT | O_TRUNC, code);
    if (!to) return;
    try {
      if (write_live(to, true) && posix::sync(to) == 0 && ::rename(made_as.c_str(), path_.c_str()) == 0) {
        posix::sync_folder_of(path_, "put");
        return;
      }
    } catch (const storage_error&) {}
    ::unlink(made_as.c_str());
  }
  // Writes all cells, and returns false when errno says why not.
  [[nodiscard]] bool write_live(const posix::descriptor& to, bool with_incarnation) {
    std::uint64_t at = 0;
    const auto write = [&](std::string_view bytes) {
      const int code = posix::write_at(to, bytes, at);
      at += bytes.size();
      errno = code;
      return code == 0;
    };
    if (!write(encode_cells_header(of_.header().uuid))) return false;
    for (const auto& [key, entry] : open_->cells())
      if (!key.empty() || with_incarnation)
        if (!write(encode_cell(key, open_->value_of(key, entry), entry.revision))) return false;
    return true;
  }

  const log_files& of_;
  std::string path_;
  std::mutex mutex_{};
  std::unique_ptr<open_cells> open_{};
};

}  // namespace must::detail::avro_log
