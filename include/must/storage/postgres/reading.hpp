// SPDX-License-Identifier: MIT
// Reading in pages: a page is fetched, its connection given back, and then it is visited.
#pragma once

#include "must/error.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/postgres/backend.hpp"
#include "must/storage/postgres/connection.hpp"
#include "must/storage/postgres/parameters.hpp"
#include "must/storage/postgres/rows.hpp"
#include "must/storage/postgres/select.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace must::detail::postgres {

class pg_reader {
 public:
  pg_reader(pg_backend& backend, const query& which, const read_options& options, std::size_t page_events,
            std::size_t page_bytes)
      : backend_(backend),
        which_(which),
        options_(options),
        forwards_(options.order == direction::forwards),
        page_events_(std::max<std::size_t>(page_events, 1)),
        page_bytes_(page_bytes),
        select_(which, options, std::clamp<std::uint64_t>(page_bytes / page_events_, 64, 1U << 30U)),
        sql_(backend.in_schema(select_.sql())) {}

  // Calls visit(record), which says whether to go on.
  template <typename Visit>
  read_result visit(Visit&& visit) {
    auto after = options_.after, until = options_.until;
    auto left = options_.limit ? static_cast<std::uint64_t>(*options_.limit) : std::uint64_t(-1);
    if (left == 0 || which_.is_none() || after >= until) return without_events(left == 0);
    for (bool first = true;; first = false) {
      const auto wanted = std::min<std::uint64_t>(page_events_, left);
      select_.set_range(after, until, wanted);
      const auto page = fetch(first);
      const auto end = std::min(options_.until, done_.head);
      if (first) done_.scanned = forwards_ ? std::min(options_.after, end) : end;
      for (int row = 0; row < page.rows(); ++row) {
        const auto at = page.number(row, pg_column::position);
        (forwards_ ? after : until) = forwards_ ? at : at - 1;
        if (at > done_.head) continue;  // stored since
        done_.scanned = at;
        if (is_cut(page, row))
          record_ = whole(page, row);
        else
          read_row(page, row, record_);
        const bool go_on = visit(record_);
        if (!go_on || --left == 0) return done_;
      }
      if (static_cast<std::uint64_t>(page.rows()) < wanted || after >= std::min(until, end)) break;
      whole_.reset();
    }
    return completed();
  }

 private:
  read_result completed() {
    done_.complete = true;
    done_.scanned = forwards_ ? std::min(options_.until, done_.head) : options_.after;
    return done_;
  }
  // A read that has nothing to visit.
  read_result without_events(bool limited) {
    const pg_parameters none;
    done_.head = backend_.run("read", false, [&](auto& connection, auto deadline, bool) {
      return connection.call({head_sql_, &none, true}, deadline).number(0, 0);
    });
    if (!limited) return completed();
    done_.scanned = forwards_ ? options_.after : std::min(options_.until, done_.head);
    return done_;
  }
  pg_result fetch(bool first) {
    return backend_.run("read", false, [&](pg_connection& connection, auto deadline, bool) {
      const pg_call page{sql_, &select_.parameters()};
      if (!first) return connection.call(page, deadline);
      const pg_parameters none;
      auto both = connection.call_all({{head_sql_, &none, true}, page}, deadline);
      done_.head = both[0].number(0, 0);
      return std::move(both[1]);
    });
  }
  // A record with columns that the page has not: fetched with those that follow it, as many as fit into a page.
  recorded<payload> whole(const pg_result& page, int row) {
    const auto at = page.number(row, pg_column::position);
    if (!whole_ || next_whole_ >= whole_->rows()) {
      pg_array positions(pg_type::int8);
      for (int i = row; i < page.rows(); ++i)
        if (is_cut(page, i)) positions.add_integer(page.integer<std::int64_t>(i, pg_column::position));
      pg_parameters wanted;
      wanted.add(std::move(positions));
      wanted.add(std::uint64_t{page_bytes_});
      const auto sql = backend_.in_schema(pg_select::whole(!forwards_));
      whole_.reset();
      whole_ = backend_.run("read", false, [&](auto& connection, auto deadline, bool) {
        return connection.call({sql, &wanted}, deadline);
      });
      next_whole_ = 0;
    }
    if (next_whole_ >= whole_->rows() || whole_->number(next_whole_, pg_column::position) != at)
      raise({.code = error_code::storage_error,
             .message = "PostgreSQL: an event is gone while it is read",
             .position = at,
             .operation = "read"});
    return record_of(*whole_, next_whole_++);
  }

  pg_backend& backend_;
  const query& which_;
  const read_options& options_;
  bool forwards_;
  std::size_t page_events_, page_bytes_;
  pg_select select_;
  std::string sql_;
  std::string head_sql_ =
      backend_.in_schema("SELECT coalesce((SELECT position FROM {s}.event ORDER BY position DESC LIMIT 1), 0)");
  recorded<payload> record_{};
  read_result done_{};
  std::optional<pg_result> whole_{};
  int next_whole_ = 0;
};

}  // namespace must::detail::postgres
