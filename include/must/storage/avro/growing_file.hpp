// SPDX-License-Identifier: MIT
// A file that one process at a time appends whole records to, while others read those that are whole.
#pragma once

#include "must/detail/posix_file.hpp"
#include "must/detail/rest.hpp"
#include "must/detail/wait.hpp"
#include "must/error.hpp"
#include "must/text/quoted.hpp"
#include "must/timestamp.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/types.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#ifndef F_OFD_SETLK
#error "avro_store needs locks of open file descriptions, which this system has not; Linux has them"
#endif

namespace must::detail::avro_log {

[[noreturn]] inline void raise_damaged(std::string_view path, std::uint64_t offset, std::string_view what,
                                       std::string_view operation = "read") {
  raise({.code = error_code::storage_error,
         .message = std::string(operation) + ": the file " + text::in_quotes(path) + " is damaged at byte " +
                    std::to_string(offset) + ": " + std::string(what),
         .operation = operation,
         .backend_code = "damaged"});
}
[[noreturn]] inline void refuse_file(std::string_view path, std::string_view operation, std::string_view what,
                                     std::string_view code) {
  raise({.code = error_code::storage_error,
         .message = std::string(operation) + ": the file " + text::in_quotes(path) + ": " + std::string(what),
         .operation = operation,
         .backend_code = code});
}

// Holds the lock of a file, which belongs to what has opened it: two stores of one process exclude each other, too.
class file_lock {
 public:
  file_lock(const posix::descriptor& of, const std::string& path, duration timeout, std::string_view operation)
      : of_(of.get()) {
    const auto end = std::chrono::steady_clock::now() + bounded(timeout);
    for (unsigned attempt = 0; ::flock(of_, LOCK_EX | LOCK_NB) != 0; ++attempt) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) raise(posix::failure(errno, operation, path));
      if (std::chrono::steady_clock::now() >= end) raise_held(path, operation);
      back_off(std::min(attempt, 5U));
    }
  }
  file_lock(const file_lock&) = delete;
  file_lock& operator=(const file_lock&) = delete;
  ~file_lock() { ::flock(of_, LOCK_UN); }

 private:
  [[noreturn]] static void raise_held(const std::string& path, std::string_view operation) {
    auto why = posix::failure(EWOULDBLOCK, operation, path, "another process holds its lock, past the deadline");
    why.retryable = true;
    raise(std::move(why));
  }
  int of_;
};

// Who appends holds a lock of all bytes from the end of the file on, until what it has written is on the disk. Readers
// ask the system where that lock begins, and look no further: they never wait, and never see what may vanish.
class growing_file {
 public:
  growing_file(posix::descriptor file, std::string path, std::string_view operation)
      : file_(std::move(file)), path_(std::move(path)), place_(posix::state_of(file_, path_, operation).place) {}

  [[nodiscard]] const posix::descriptor& file() const noexcept { return file_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const posix::file_place& place() const noexcept { return place_; }

  // Returns the size of the file, or throws when it is not at its path any more.
  [[nodiscard]] std::uint64_t size(std::string_view operation) const {
    const auto now = posix::state_at(path_, operation);
    if (!now || now->place != place_)
      refuse_file(path_, operation, "it was moved, removed or replaced since it was opened", "ESTALE (116)");
    return now->size;
  }
  // Returns where others write, if they do.
  [[nodiscard]] std::optional<std::uint64_t> written_from(std::string_view operation) const {
    struct ::flock asked{};
    asked.l_type = F_RDLCK;
    if (::fcntl(file_.get(), F_OFD_GETLK, &asked) != 0) raise(posix::failure(errno, operation, path_));
    if (asked.l_type == F_UNLCK) return std::nullopt;
    return static_cast<std::uint64_t>(asked.l_start);
  }
  // Returns the end of what others have written and will not take back. It asks twice, since between two answers one
  // may have failed, and another one may have begun to write in its place.
  [[nodiscard]] std::uint64_t settled_end(std::string_view operation) const {
    auto end = UINT64_MAX;
    for (int look = 0; look < 2; ++look) {
      end = std::min(end, size(operation));
      end = std::min(end, written_from(operation).value_or(end));
    }
    return end;
  }
  // Makes durable what others have written, who may have been killed before they did.
  void make_durable(std::string_view operation) const {
    if (const int code = posix::sync(file_); code != 0) raise(posix::failure(code, operation, path_));
  }

  // The members that follow are for who has the lock of the file. Appends at the end, which is at `end`.
  //
  // A failure leaves nothing behind: what was written is cut off again before anybody reads or writes there. Throws
  // outcome_unknown when all was written, and neither made durable nor taken back.
  void append(std::string_view bytes, std::uint64_t end, bool is_durable, std::string_view operation) {
    hold(end, operation);
    allocate(end + bytes.size());
    int code = posix::write_at(file_, bytes, end);
    const bool is_written = code == 0;
    if (is_written && is_durable) code = posix::sync(file_);
    if (code == 0) return let_go();
    auto why = posix::failure(code, operation, path_, is_written ? "what was written is not on the disk" : "");
    int undone = posix::cut(file_, end);
    allocated_ = 0;
    must_cut_ = undone != 0;
    if (undone == 0) {
      if (is_written) undone = posix::sync(file_);
      let_go();
    }
    if (is_written && undone != 0) {
      why.code = error_code::outcome_unknown;
      why.message += "; it could not be taken back: " + posix::code_text(undone);
      why.retryable = false;
    }
    raise(std::move(why));
  }
  // Cuts off what is behind `end`.
  void cut(std::uint64_t end, bool is_durable, std::string_view operation) {
    if (const int code = posix::cut(file_, end); code != 0) raise(posix::failure(code, operation, path_));
    if (is_durable) make_durable(operation);
    allocated_ = 0;
    if (std::exchange(must_cut_, false)) let_go();
  }
  // Returns whether a failed append of this store has left something behind.
  [[nodiscard]] bool has_left_over() const noexcept { return must_cut_; }
  // Gives back the room that is taken behind the end.
  void trim(std::uint64_t end) noexcept {
    if (allocated_ > end) static_cast<void>(posix::cut(file_, end));
    allocated_ = 0;
  }
  // Returns whether a failed append of this or of another process has left something behind at `end`.
  [[nodiscard]] bool must_cut(std::uint64_t end, std::string_view operation) const {
    return must_cut_ || written_from(operation) == end;
  }

 private:
  void hold(std::uint64_t from, std::string_view operation) {
    if (const int code = lock(F_WRLCK, from); code != 0) raise(posix::failure(code, operation, path_));
  }
  void let_go() noexcept { lock(F_UNLCK, 0); }
  int lock(short type, std::uint64_t from) const noexcept {
    struct ::flock range{};
    range.l_type = type;
    range.l_start = static_cast<::off_t>(from);
    while (::fcntl(file_.get(), F_OFD_SETLK, &range) != 0)
      if (errno != EINTR) return errno;
    return 0;
  }
  // Takes room ahead of the end, without a change of the size, so that readers see no hole. Not all file systems can.
  void allocate(std::uint64_t end) noexcept {
#if defined(FALLOC_FL_KEEP_SIZE)
    if (end <= allocated_) return;
    constexpr std::uint64_t least = 64U << 10U, most = 8U << 20U;
    const auto ahead = std::clamp(end / 4, least, most);
    if (::fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, static_cast<::off_t>(end), static_cast<::off_t>(ahead)) == 0 ||
        errno == EOPNOTSUPP)
      allocated_ = end + ahead;
#else
    static_cast<void>(end);
#endif
  }

  posix::descriptor file_;
  std::string path_;
  posix::file_place place_;
  std::uint64_t allocated_ = 0;  // The end of the room that is taken.
  bool must_cut_ = false;        // What a failed append has written is still there.
};

}  // namespace must::detail::avro_log
