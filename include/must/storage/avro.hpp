// SPDX-License-Identifier: MIT
// avro_store: events in an Avro file, which any reader of Avro opens while it is written.
#pragma once

#include "must/fwd.hpp"
#include "must/origin.hpp"
#include "must/storage.hpp"
#include "must/storage/abilities.hpp"
#include "must/storage/avro/commits.hpp"
#include "must/storage/avro/log.hpp"
#include "must/storage/avro/options.hpp"
#include "must/storage/log/options.hpp"
#include "must/storage/log_store.hpp"
#include "must/storage/waitable.hpp"
#include "must/uuid.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace must {

/// A store in one Avro file, or in several, which any number of processes of one machine may use at once. The page
/// "Avro files" says more.
///
/// It is a CellStorage, CellRemovalStorage, BatchStorage, WaitableStorage, HistoryStorage and LimitedStorage. Each
/// commit is a block of the file, which any reader of Avro opens, also while it is written. An append takes the lock of
/// the file, and readers never wait. A second file, "<path>.cells", keeps the cells. All are on a local disk. A forked
/// process opens the store anew. An append of one event costs one write to the disk, and so does a batch: group_commit
/// in front of the store makes it fast for many threads. \see log_store, whose members it has
class avro_store : public log_store<detail::avro_log::commits_in_files> {
 public:
  /// Opens a file, or makes it, and reads all of it once. What is torn behind the last commit is cut off.
  /// \throws storage_error  when the file cannot be opened, is no file of `must`, or is of a newer one
  /// \throws storage_error  when the file is damaged: the error names the offset, and its backend_code is "damaged"
  /// \throws bad_input  when the path is empty or has a zero byte
  /// \throws bad_input  when the source is not 1 to 512 bytes of UTF-8 without NUL
  explicit avro_store(const avro_options& options, must::origin origin = {})
      : avro_store(options, std::move(origin), [](position) {}) {}
  /// Opens a file. `on_open(position)` is told how far the file is read: about every 65,536 events, and at the end.
  /// What it throws ends the opening.
  template <typename OnOpen>
  avro_store(const avro_options& options, must::origin origin, OnOpen&& on_open)
      : avro_store(std::make_shared<detail::avro_log::store_files>(options), std::move(origin), on_open) {}

  /// Returns what was cut off since the store was opened, in the order in which it was found.
  [[nodiscard]] std::vector<avro_cut> recovered() const { return files_->log.cuts(); }
  /// Reads every commit and every cell, and returns how many there are. Others may append meanwhile.
  /// \throws storage_error  when something is damaged. Its backend_code is "damaged", and the message names the file
  ///                        and the offset.
  avro_verified verify() const { return files_->verify(); }
  /// Copies the store, as it is at one position, into one new file, while others append. The copy is on the disk when
  /// this returns. It has another history(), so that subscriptions and views which go on there throw history_changed.
  /// A backup that fails leaves no file behind.
  /// \throws bad_input  when the path is empty or has a zero byte
  /// \throws storage_error  when a file cannot be read or written
  /// \throws storage_error  when a file of that name is there already
  void backup(const std::string& path) const { files_->copy_to(path); }
  /// Gives the store a new incarnation, and so another history(). A program calls it after it has put back a file that
  /// backup() did not make, since nothing in the file tells that.
  /// \throws storage_error  when the file of the cells cannot be written
  void mark_restored() { files_->cells.set_incarnation((detail::random_source::of_this_thread()() >> 2U) + 2); }

 private:
  using store_files = detail::avro_log::store_files;

  template <typename OnOpen>
  avro_store(std::shared_ptr<store_files> files, must::origin origin, OnOpen&& on_open)
      : log_store(detail::avro_log::commits_in_files(files), log_options(files->log.options()), std::move(origin),
                  on_open),
        files_(std::move(files)) {
    files_->log.settle();
  }
  [[nodiscard]] static log_store_options log_options(const avro_options& of) {
    return {.timeout = of.timeout,
            .poll_interval = of.poll_interval,
            .cache_bytes = of.cache_bytes,
            .page_bytes = of.page_bytes};
  }

  std::shared_ptr<store_files> files_;
};

static_assert(CellRemovalStorage<avro_store> && BatchStorage<avro_store> && WaitableStorage<avro_store> &&
              HistoryStorage<avro_store> && LimitedStorage<avro_store>);

}  // namespace must
