// SPDX-License-Identifier: MIT
// Reading in pages: a page is fetched, its connection given back, and then it is visited.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/kit/read_window.hpp"
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
        page_events_(std::max<std::size_t>(page_events, 1)),
        page_bytes_(page_bytes),
        select_(which, options, std::clamp<std::uint64_t>(page_bytes / page_events_, 64, 1U << 30U)),
        sql_(backend.in_schema(select_.sql())) {}

  // Visits the rows of a page. No connection is held while the visitor runs.
  template <typename Visitor>
  read_result read(Visitor& visitor) {
    if (which_.is_none() || options_.limit == 0 || options_.after >= options_.until) return begin(head()).result();
    // Fetches the first page together with the head.
    auto wanted = std::min(page_events_, static_cast<std::uint64_t>(options_.limit.value_or(INT64_MAX)));
    select_.set_range(options_.after, options_.until, wanted);
    std::optional<pg_result> last;
    auto page = fetch(&last);
    auto window = begin(*last);
    const position head = last->number(0, 0);
    while (!window.is_over()) {
      for (int row = 0; row < page.rows(); ++row) {
        if (page.number(row, pg_column::position) > head)
          continue;  // The event was stored after the head was captured.
        if (is_cut(page, row))
          record_ = whole(page, row);
        else
          read_row(page, row, record_);
        window.bounds().move_beyond(record_);
        if (!window.visit(visitor, record_)) return window.result();
      }
      if (static_cast<std::uint64_t>(page.rows()) < wanted || window.is_over()) break;
      whole_.reset();
      wanted = std::min(page_events_, window.left());
      select_.set_range(window.bounds().low - 1, window.bounds().high, wanted);
      page = fetch(nullptr);
    }
    return window.result();
  }

 private:
  // The head, and the event there.
  pg_result head() {
    const pg_parameters none;
    return backend_.run("read", false, [&](auto& connection, auto deadline, bool) {
      return connection.call({head_sql_, &none, true}, deadline);
    });
  }
  kit::read_window begin(const pg_result& head) const {
    kit::read_window window(options_, head.number(0, 0));
    window.note_last(head.text(0, 1), head.text(0, 2));
    return window;
  }
  // A page, and the head at the same moment or before.
  pg_result fetch(std::optional<pg_result>* head) {
    return backend_.run("read", false, [&](pg_connection& connection, auto deadline, bool) {
      const pg_call page{sql_, &select_.parameters()};
      if (head == nullptr) return connection.call(page, deadline);
      const pg_parameters none;
      auto both = connection.call_all({{head_sql_, &none, true}, page}, deadline);
      head->emplace(std::move(both[0]));
      return std::move(both[1]);
    });
  }
  // Fetches a record whose columns are too large for the page, and those that follow it, as many as fit into a page.
  recorded<payload> whole(const pg_result& page, int row) {
    const auto at = page.number(row, pg_column::position);
    if (!whole_ || next_whole_ >= whole_->rows()) {
      pg_array positions(pg_type::int8);
      for (int i = row; i < page.rows(); ++i)
        if (is_cut(page, i)) positions.add_integer(page.integer<std::int64_t>(i, pg_column::position));
      pg_parameters wanted;
      wanted.add(std::move(positions));
      wanted.add(std::uint64_t{page_bytes_});
      const auto sql = backend_.in_schema(pg_select::whole(options_.order == direction::backwards));
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
  std::uint64_t page_events_;
  std::size_t page_bytes_;
  pg_select select_;
  std::string sql_;
  std::string head_sql_ = backend_.in_schema(
      "SELECT coalesce(e.position, 0), coalesce(e.source, ''), coalesce(e.id, '') FROM (SELECT) one "
      "LEFT JOIN LATERAL (SELECT position, source, id FROM {s}.event ORDER BY position DESC LIMIT 1) "
      "e ON true");
  recorded<payload> record_{};
  std::optional<pg_result> whole_{};
  int next_whole_ = 0;
};

}  // namespace must::detail::postgres
