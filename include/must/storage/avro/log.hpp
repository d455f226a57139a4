// SPDX-License-Identifier: MIT
// The commits of an Avro store: a block a commit, in one file or in several, one after another.
#pragma once

#include "must/avro/container.hpp"
#include "must/avro/decode.hpp"
#include "must/detail/posix_file.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/storage/avro/codec.hpp"
#include "must/storage/avro/frames.hpp"
#include "must/storage/avro/growing_file.hpp"
#include "must/storage/avro/header.hpp"
#include "must/storage/avro/options.hpp"
#include "must/storage/avro/segments.hpp"
#include "must/storage/log/avro_commit.hpp"
#include "must/storage/log/commit.hpp"

#include <sys/types.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must {

/// A torn end that was cut off: what a writer that was killed, or a power failure, has left behind the last commit.
struct avro_cut {
  std::string path{};        ///< The file.
  std::uint64_t offset = 0;  ///< The offset of the first byte that was cut off.
  std::uint64_t bytes = 0;   ///< The number of bytes that were cut off.
};

namespace detail::avro_log {

// Any number of threads may use it.
class log_files {
 public:
  explicit log_files(const avro_options& options) : options_(options), process_(::getpid()) {
    check_path(options_.path);
    options_.path = posix::resolve(options_.path, "open");
    base_ = open_first(options_);
    tail_ = base_;
    end_ = base_->header.size;
    marks_.push_back({1, {0, end_}});
  }

  [[nodiscard]] const avro_options& options() const noexcept { return options_; }
  [[nodiscard]] const file_header& header() const noexcept { return base_->header; }
  [[nodiscard]] bool is_durable() const noexcept { return options_.durability == avro_durability::full; }
  [[nodiscard]] std::vector<avro_cut> cuts() const {
    const std::lock_guard lock(state_);
    return cuts_;
  }

  // While it lives, only the thread that has made it puts commits.
  class put_turn {
   public:
    put_turn(log_files& of, std::string_view operation)
        : turn_(of.putting_), held_(of.base_->file.file(), of.options_.path, of.options_.timeout, operation) {}

   private:
    std::lock_guard<std::mutex> turn_;
    file_lock held_;
  };
  class exclusive_turn {
   public:
    explicit exclusive_turn(log_files& of) : turn_(std::make_unique<put_turn>(of, "append")), of_(&of) {
      of.is_exclusive_ = true;
    }
    exclusive_turn(exclusive_turn&& other) noexcept
        : turn_(std::move(other.turn_)), of_(std::exchange(other.of_, nullptr)) {}
    exclusive_turn& operator=(exclusive_turn&&) = delete;
    ~exclusive_turn() {
      if (of_ != nullptr) of_->is_exclusive_ = false;
    }

   private:
    std::unique_ptr<put_turn> turn_;
    log_files* of_;
  };
  [[nodiscard]] exclusive_turn exclusive() {
    check_writable("append");
    return exclusive_turn(*this);
  }

  // Throws when nothing may be written.
  void check_writable(std::string_view operation) const {
    if (options_.mode == avro_mode::read_only)
      refuse_file(options_.path, operation, "it is opened to be read only", "EROFS (30)");
    if (process_ != ::getpid())
      refuse_file(options_.path, operation, "a forked process opens the store anew", "EBADF (9)");
  }

  [[nodiscard]] put_outcome try_put(commit& made) {
    check_writable("append");
    const auto objects = packer_.pack(log::encode_commit(made), header().codec);
    std::unique_ptr<put_turn> mine;
    if (!is_exclusive_) mine = std::make_unique<put_turn>(*this, "append");
    static_cast<void>(base_->file.size("append"));  // It is still in its place.
    if (has_news()) return put_outcome::lost;
    auto now = end();
    if (made.first <= now.last) return put_outcome::lost;
    if (made.first != now.last + 1) log::raise_damaged(made.first, "the one before it is not there");
    const bool is_empty = now.place.offset == now.file->header.size;
    if (options_.rotate_bytes != 0 && now.place.offset > options_.rotate_bytes && !is_empty) {
      if (!begin_segment(made.first)) return put_outcome::lost;
      now = end();
    }
    if (!now.place.is_representable())
      refuse_file(now.file->file.path(), "append", "the log has too many files, or this one is too large",
                  "EFBIG (27)");
    reserve_mark();  // What is stored has to be noted without fail.
    std::string bytes;
    bytes.reserve(objects.size() + 64);
    avro::append_block(bytes, {made.events.size(), objects}, now.file->header.sync);
    made.place = now.place.number();
    set_writing(true);
    try {
      now.file->file.append(bytes, now.place.offset, is_durable(), "append");
    } catch (...) {
      set_writing(now.file->file.has_left_over());
      throw;
    }
    note_commit(now.place, now.place.offset + bytes.size(), made.first, made.last());
    set_writing(false);
    return put_outcome::won;
  }

  template <typename Visitor>
  void read(position after, Visitor&& visitor) {
    const auto from = start_of(after);
    read_from(from.place, from.first, after, true, visitor);
  }
  template <typename Visitor>
  void fetch(std::uint64_t place, Visitor&& visitor) {
    read_from(log_place::of(place), 0, 0, false, visitor);
  }

  // Notes what others have appended.
  void read_all_known() {
    read(end().last, [](commit&&) { return true; });
  }
  [[nodiscard]] std::string path_of(std::size_t number) const {
    const auto known = end();
    return number < known.place.segment ? closed_[number].path : known.file->file.path();
  }
  // Calls `use(file, end)` for each file with commits that are known.
  template <typename Use>
  void each_file(Use&& use) {
    const auto known = end();
    for (std::size_t number = 0; number < known.place.segment; ++number)
      use(*closed_.open(number, "backup"), closed_[number].end);
    use(*known.file, known.place.offset);
  }
  // Cuts off what is torn behind the last commit that was read, and throws when files are missing. The log was read.
  void settle() {
    const auto files = list_segments(options_.path, "open");
    read_all_known();  // Files that were there before are among what is known then.
    const auto known = end();
    for (const auto first : files)
      if (first > known.last + 1) refuse_missing(first, known.last);
    if (options_.mode == avro_mode::read_only || known.file->file.size("open") == known.place.offset) return;
    const put_turn mine(*this, "open");
    static_cast<void>(has_news());
  }

 private:
  struct mark {
    position first;
    log_place place;
  };
  // What was read or put last, and the file that it is in.
  struct log_end {
    shared_segment file;
    log_place place;
    position last;
  };

  [[noreturn]] void refuse_missing(position first, position last) const {
    refuse_file(options_.path, "open",
                "the file before the one that begins at position " + std::to_string(first) +
                    " is missing, or ends at position " + std::to_string(last),
                "damaged");
  }

  [[nodiscard]] log_end end() const {
    const std::lock_guard lock(state_);
    return {tail_, {closed_.size(), end_}, last_};
  }
  // Returns where to read to find what is behind a position.
  [[nodiscard]] mark start_of(position after) const {
    const std::lock_guard lock(state_);
    if (after >= last_) return {last_ + 1, {closed_.size(), end_}};
    const auto is_behind = [](position at, const mark& one) { return at < one.first; };
    return *(std::upper_bound(marks_.begin(), marks_.end(), after + 1, is_behind) - 1);
  }
  // Notes a commit that was read or put.
  void note_commit(const log_place& place, std::uint64_t end, position first, position last) {
    constexpr std::uint64_t step = std::uint64_t{1} << 20U;
    const std::lock_guard lock(state_);
    if (last <= last_) return;
    const auto& marked = marks_.back().place;
    if (marked.segment != place.segment || place.offset > marked.offset + step) marks_.push_back({first, place});
    last_ = last;
    end_ = end;
  }
  void reserve_mark() {
    const std::lock_guard lock(state_);
    if (marks_.size() == marks_.capacity()) marks_.reserve(2 * marks_.size() + 16);
  }
  void set_writing(bool is_writing) {
    const std::lock_guard lock(state_);
    is_writing_ = is_writing;
  }

  // Returns the end of what may be read of the last file. What others have written is durable then.
  [[nodiscard]] std::uint64_t readable_end(const log_end& known) const {
    const auto& tail = known.file->file;
    const auto size = tail.size("read");
    if (size < known.place.offset) raise_damaged(tail.path(), size, "it became shorter");
    if (const auto end = known_end(known.place.segment, size)) return *end;
    const auto end = tail.settled_end("read");
    if (const auto own = known_end(known.place.segment, end)) return *own;
    if (is_durable()) tail.make_durable("read");
    return end;
  }
  // Returns the end of a file whose size is known, when nobody but this store has appended to it.
  [[nodiscard]] std::optional<std::uint64_t> known_end(std::size_t segment, std::uint64_t size) const {
    const std::lock_guard lock(state_);
    if (closed_.size() != segment) return closed_[segment].end;
    if (is_writing_ || size <= end_) return end_;
    return std::nullopt;
  }
  // Reads on from a place. What others have appended is looked for when `is_current`.
  template <typename Visitor>
  void read_from(log_place at, position next, position after, bool is_current, Visitor& visitor) {
    for (;;) {
      auto known = end();
      const bool is_closed = at.segment < known.place.segment;
      auto to = known.place.offset;
      if (is_closed) {
        known.file = closed_.open(at.segment, "read");
        to = closed_[at.segment].end;
      } else if (is_current) {
        to = readable_end(known);
      }
      if (at.offset == 0) at.offset = known.file->header.size;
      if (at.offset < to && !read_file(*known.file, at, to, is_closed, next, after, visitor)) return;
      if (!is_closed) {
        if (end().place.segment > at.segment) continue;  // It was closed meanwhile, and may have grown before.
        if (!is_current || !adopt_next()) return;
      }
      at = {at.segment + 1, 0};
    }
  }
  // Reads a file, and returns false when the visitor does.
  template <typename Visitor>
  bool read_file(const segment& from, log_place& at, std::uint64_t end, bool is_closed, position& next, position after,
                 Visitor& visitor) {
    frame_reader frames(from.file.file(), from.file.path(), from.header.sync, at.offset, end);
    unpacker codec(from.header.codec);
    while (const auto read = frames.next()) {
      if (next != 0 && next <= after) {
        next += read->count;
        continue;
      }
      auto made = decode(frames, *read, codec);
      if (!made) break;
      if (next != 0 && made->first != next)
        raise_damaged(
            from.file.path(), read->offset,
            "its block begins with position " + std::to_string(made->first) + " and not " + std::to_string(next));
      next = made->last() + 1;
      const log_place place{at.segment, read->offset};
      made->place = place.number();
      note_commit(place, read->end, made->first, made->last());
      if (!visitor(*std::move(made))) return false;
    }
    at.offset = frames.offset();
    if (frames.is_torn() && is_closed) raise_damaged(from.file.path(), frames.offset(), "it is closed, and torn");
    return true;
  }
  // Returns the commit in a block, and nothing for one that is torn.
  [[nodiscard]] static std::optional<commit> decode(frame_reader& frames, const frame& read, unpacker& codec) {
    try {
      return log::read_avro_commit(codec.unpack(read.bytes), read.count);
    } catch (const avro::malformed& flaw) {
      frames.refuse(read, "its block " + std::string(flaw.what()) + " at byte " + std::to_string(flaw.offset()));
      return std::nullopt;
    }
  }

  // Goes on to the next file, if there is one.
  bool adopt_next() {
    position first = 0;
    {
      const std::lock_guard lock(state_);
      first = last_ + 1;
      if (is_writing_ || (tail_->header.first == first && tail_ != base_)) return false;  // It has no commit yet.
    }
    const auto path = segment_path(options_.path, first);
    if (!posix::state_at(path, "read")) return false;
    int code = 0;
    auto file = open_segment(path, options_.mode == avro_mode::read_write, "read", code);
    if (!file && code == ENOENT) return false;
    if (!file) raise(posix::failure(code, "read", path));
    return adopt(std::make_shared<segment>(std::move(file), path, "read"), first);
  }
  bool adopt(shared_segment next, position first) {
    if (next->header.uuid != header().uuid || next->header.first != first)
      refuse_file(next->file.path(), "read", "it is a file of another log", "foreign");
    const std::lock_guard lock(state_);
    if (last_ + 1 != first || tail_->file.path() == next->file.path()) return true;  // Another thread was faster.
    closed_.add({tail_->file.path(), tail_->header.first, tail_->file.place(), tail_->header.size, end_});
    tail_ = std::move(next);
    end_ = tail_->header.size;
    return true;
  }

  // The members that follow are for who has the lock. Returns whether others have appended, and cuts off what is torn.
  [[nodiscard]] bool has_news() {
    while (adopt_next()) {}
    const auto known = end();
    const auto from = known.place.offset;
    auto& tail = known.file->file;
    const auto size = tail.size("append");
    if (size == from) return false;
    if (size < from) raise_damaged(tail.path(), size, "it became shorter", "append");
    if (!tail.must_cut(from, "append")) {
      frame_reader frames(tail.file(), tail.path(), known.file->header.sync, from, size);
      unpacker codec(known.file->header.codec);
      if (const auto read = frames.next())
        if (decode(frames, *read, codec)) return true;
      if (!frames.is_torn()) return false;
    }
    tail.cut(from, is_durable(), "append");
    const std::lock_guard lock(state_);
    cuts_.push_back({tail.path(), from, size - from});
    is_writing_ = false;
    return false;
  }
  // Begins a new file. Returns false when one is there already.
  [[nodiscard]] bool begin_segment(position first) {
    file_header made = header();
    made.first = first;
    made.sync = random_bytes(avro::sync_size);
    const auto path = segment_path(options_.path, first);
    if (!make_file(path, encode_header(made), true, "append")) return false;
    const auto closed = end();
    closed.file->file.trim(closed.place.offset);
    return adopt_next();
  }

  avro_options options_;
  ::pid_t process_;
  shared_segment base_{};  // The first file, whose lock is that of the log.
  packer packer_{};
  std::mutex putting_{};                   // One thread at a time puts.
  std::atomic<bool> is_exclusive_{false};  // The thread that puts has the turn already.
  mutable std::mutex state_{};             // This protects what follows.
  closed_segments closed_{};               // All files but the last one.
  shared_segment tail_{};                  // The last file.
  std::uint64_t end_ = 0;                  // The end of the last commit that was read or put.
  position last_ = 0;                      // The last position that was read or put.
  std::vector<mark> marks_{};              // Where some commits begin, about one a mebibyte.
  bool is_writing_ = false;                // What is behind `end_` is of this store, and not for readers.
  std::vector<avro_cut> cuts_{};
};

}  // namespace detail::avro_log

}  // namespace must
