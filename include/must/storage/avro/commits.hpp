// SPDX-License-Identifier: MIT
// The files of an Avro store as a CommitLog, and what is done with all of them: they are verified, and copied.
#pragma once

#include "must/detail/at_exit.hpp"
#include "must/detail/posix_file.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/limits.hpp"
#include "must/storage.hpp"
#include "must/storage/avro/backup.hpp"
#include "must/storage/avro/cells.hpp"
#include "must/storage/avro/growing_file.hpp"
#include "must/storage/avro/log.hpp"
#include "must/storage/avro/options.hpp"
#include "must/storage/avro/segments.hpp"
#include "must/storage/log/commit.hpp"
#include "must/storage/log/commit_log.hpp"
#include "must/uuid.hpp"

#include <unistd.h>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must {

/// What avro_store::verify() has read, and found to be right.
struct avro_verified {
  position head = 0;          ///< The last position.
  std::uint64_t commits = 0;  ///< The number of commits.
  std::uint64_t files = 0;    ///< The number of files that the events are in.
  std::uint64_t cells = 0;    ///< The number of cells.
};

namespace detail::avro_log {

struct store_files {
  explicit store_files(const avro_options& options) : log(options), cells(log) {}

  [[nodiscard]] std::string history() {
    return log.header().uuid + "." + std::to_string(cells.incarnation().value_or(log.header().incarnation));
  }
  [[nodiscard]] avro_verified verify() {
    avro_verified found;
    std::size_t last_file = 0;
    log.read(0, [&](commit&& read) {
      const auto place = log_place::of(read.place);
      check_commit(read, place);
      last_file = place.segment;
      ++found.commits;
      found.head = read.last();
      return true;
    });
    found.files = last_file + 1;
    found.cells = cells.verify();
    return found;
  }
  // Copies the store into one file that is not there yet. The cells are copied first, so that none of them knows of an
  // event that the copy does not have.
  void copy_to(const std::string& path) {
    check_path(path);
    const auto to = posix::resolve(path, "backup");
    const auto cells_to = to + ".cells";
    if (posix::state_at(to, "backup") || posix::state_at(cells_to, "backup") || !list_segments(to, "backup").empty())
      raise(posix::failure(EEXIST, "backup", to));
    auto& random = random_source::of_this_thread();
    const auto made_as = to + "." + format_uuid(random(), random(), 4) + ".new";
    const at_exit end([&] {
      ::unlink(made_as.c_str());
      ::unlink((made_as + ".cells").c_str());
    });
    const bool has_cells = cells.copy_to(made_as + ".cells");
    log.read_all_known();
    copy_log(log, made_as, (random() >> 2U) + 2);
    if (has_cells && !posix::rename_new(made_as + ".cells", cells_to, "backup"))
      raise(posix::failure(EEXIST, "backup", cells_to));
    try {
      if (!posix::rename_new(made_as, to, "backup")) raise(posix::failure(EEXIST, "backup", to));
      posix::sync_folder_of(to, "backup");
    } catch (...) {
      if (has_cells) ::unlink(cells_to.c_str());
      throw;
    }
  }

  log_files log;
  cell_file cells;

 private:
  void check_commit(const commit& read, const log_place& place) const {
    if (crc_of(read) != read.crc)
      raise_damaged(log.path_of(place.segment), place.offset, "its commit has another CRC-32C");
  }
};

// Every copy of it is the same log.
class commits_in_files {
 public:
  static constexpr bool is_checked = true;

  explicit commits_in_files(std::shared_ptr<store_files> files) : files_(std::move(files)) {}

  [[nodiscard]] auto exclusive() { return files_->log.exclusive(); }
  [[nodiscard]] put_outcome try_put(commit& made) { return files_->log.try_put(made); }
  template <typename Visitor>
  void read(position after, Visitor&& visitor) {
    files_->log.read(after, visitor);
  }
  template <typename Visitor>
  void fetch(std::uint64_t place, Visitor&& visitor) {
    files_->log.fetch(place, visitor);
  }
  [[nodiscard]] const must::limits& limits() const noexcept { return files_->log.options().limits; }
  [[nodiscard]] std::string history() const { return files_->history(); }

  [[nodiscard]] std::optional<cell> get(std::string_view key) { return files_->cells.get(key); }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected) {
    return files_->cells.put(key, bytes, expected);
  }
  bool remove(std::string_view key, std::uint64_t expected) { return files_->cells.remove(key, expected); }
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix) { return files_->cells.list(prefix); }

 private:
  std::shared_ptr<store_files> files_;
};
static_assert(ExclusiveLog<commits_in_files> && FetchingLog<commits_in_files> && CellRemovalLog<commits_in_files> &&
              HistoryLog<commits_in_files>);

}  // namespace detail::avro_log

}  // namespace must
