// SPDX-License-Identifier: MIT
// The files of an Avro log: all but the last one are closed, and stay what they are.
#pragma once

#include "must/avro/container.hpp"
#include "must/detail/posix_file.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/storage/avro/growing_file.hpp"
#include "must/storage/avro/header.hpp"
#include "must/storage/avro/options.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/text/quoted.hpp"
#include "must/uuid.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::avro_log {

// A place in a log: the number of a file, and an offset in it.
struct log_place {
  std::size_t segment = 0;
  std::uint64_t offset = 0;

  static constexpr unsigned offset_bits = 44;
  [[nodiscard]] static log_place of(std::uint64_t number) noexcept {
    return {static_cast<std::size_t>(number >> offset_bits), number & ((std::uint64_t{1} << offset_bits) - 1)};
  }
  [[nodiscard]] std::uint64_t number() const noexcept { return std::uint64_t{segment} << offset_bits | offset; }
  [[nodiscard]] bool is_representable() const noexcept {
    return segment >> (64 - offset_bits) == 0 && offset >> offset_bits == 0;
  }
};

// Opens a file of a log, which has to be a regular one.
inline posix::descriptor open_segment(const std::string& path, bool to_write, std::string_view operation, int& code) {
  auto file = posix::open_file(path, (to_write ? O_RDWR : O_RDONLY) | O_NONBLOCK, code);
  if (!file) return file;
  const auto mode = posix::state_of(file, path, operation).mode;
  if (S_ISDIR(mode)) raise(posix::failure(EISDIR, operation, path));
  if (!S_ISREG(mode)) refuse_file(path, operation, "it is no regular file", "EINVAL (22)");
  return file;
}

// A file of a log that is open. The last one is appended to.
struct segment {
  segment(posix::descriptor opened, const std::string& at, std::string_view operation)
      : header(read_header(opened, at, operation)), file(std::move(opened), at, operation) {}
  file_header header;
  growing_file file;
};
using shared_segment = std::shared_ptr<segment>;

inline void check_path(const std::string& path) {
  if (path.empty()) kit::refuse_input("path", "is empty");
  if (path.find('\0') != std::string::npos) kit::refuse_input("path", text::in_quotes(path) + " contains NUL");
}

// Opens the first file of a log, or makes it. Of two that make it, one opens that of the other.
inline shared_segment open_first(const avro_options& options) {
  const bool to_write = options.mode == avro_mode::read_write;
  for (int attempt = 0;; ++attempt) {
    int code = 0;
    auto file = open_segment(options.path, to_write, "open", code);
    if (!file && code == ENOENT && to_write && attempt < 2) {
      auto& random = random_source::of_this_thread();
      file_header made{.uuid = format_uuid(random(), random(), 4), .codec = options.codec};
      made.sync = random_bytes(avro::sync_size);
      make_file(options.path, encode_header(made), options.durability == avro_durability::full, "open");
      continue;
    }
    if (!file) raise(posix::failure(code, "open", options.path));
    auto opened = std::make_shared<segment>(std::move(file), options.path, "open");
    if (opened->header.first != 1)
      refuse_file(options.path, "open",
                  "it begins at position " + std::to_string(opened->header.first) + ": it is not the first of a log",
                  "foreign");
    return opened;
  }
}

// The name of the file that begins at a position.
inline std::string segment_path(const std::string& base, position first) {
  return base + "." + twenty_digits(first) + ".avro";
}

// Returns the positions that the files beside the first one begin at, in order.
inline std::vector<position> list_segments(const std::string& base, std::string_view operation) {
  const auto folder = posix::folder_of(base);
  const auto name = base.substr(base.rfind('/') + 1) + ".";
  const std::unique_ptr<::DIR, int (*)(::DIR*)> open(::opendir(folder.c_str()), ::closedir);
  if (open == nullptr) raise(posix::failure(errno, operation, folder));
  std::vector<position> found;
  for (;;) {
    errno = 0;
    const auto* const entry = ::readdir(open.get());
    if (entry == nullptr) break;
    const std::string_view file = entry->d_name;
    constexpr std::string_view ending = ".avro";
    if (file.size() != name.size() + 20 + ending.size() || !file.starts_with(name) || !file.ends_with(ending)) continue;
    if (const auto first = number_of(file.substr(name.size(), 20)); first != 0) found.push_back(first);
  }
  if (errno != 0) raise(posix::failure(errno, operation, folder));
  std::sort(found.begin(), found.end());
  return found;
}

// What is known of a closed file.
struct closed_segment {
  std::string path{};
  position first = 0;
  posix::file_place place{};
  std::uint64_t begin = 0, end = 0;
};

// The closed files, of which the ones that were used last are open. Any number of threads may use it.
class closed_segments {
 public:
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }
  [[nodiscard]] closed_segment operator[](std::size_t number) const {
    const std::lock_guard lock(mutex_);
    return all_[number];
  }
  void add(closed_segment one) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(one));
  }
  [[nodiscard]] shared_segment open(std::size_t number, std::string_view operation) {
    closed_segment known;
    {
      const std::lock_guard lock(mutex_);
      const auto is_it = [&](const auto& one) { return one.first == number; };
      if (const auto found = std::find_if(open_.begin(), open_.end(), is_it); found != open_.end())
        return found->second;
      known = all_[number];
    }
    int code = 0;
    auto file = open_segment(known.path, false, operation, code);
    if (!file) raise(posix::failure(code, operation, known.path));
    auto made = std::make_shared<segment>(std::move(file), known.path, operation);
    if (made->file.place() != known.place || made->file.size(operation) != known.end)
      refuse_file(known.path, operation, "it is closed, and was replaced or changed", "ESTALE (116)");
    constexpr std::size_t most = 32;
    const std::lock_guard lock(mutex_);
    if (open_.size() == most) open_.pop_front();
    open_.emplace_back(number, made);
    return made;
  }

 private:
  mutable std::mutex mutex_{};
  std::vector<closed_segment> all_{};
  std::deque<std::pair<std::size_t, shared_segment>> open_{};
};

}  // namespace must::detail::avro_log
