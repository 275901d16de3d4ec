#pragma once

#include <sqlite3.h>

#include <stdexcept>
#include <string>

namespace cordon::test {

/// Changes the ledger behind the library's back. The caller sees to it that nobody has the file open in a transaction.
inline void tamper(const std::string &state_dir, const std::string &sql) {
  sqlite3 *db = nullptr;
  char *text = nullptr;
  const bool done = sqlite3_open((state_dir + "/ledger.db").c_str(), &db) == SQLITE_OK &&
                    sqlite3_busy_timeout(db, 10'000) == SQLITE_OK &&
                    sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &text) == SQLITE_OK;
  const std::string problem = text != nullptr ? text : sqlite3_errmsg(db);
  sqlite3_free(text);
  sqlite3_close(db);
  if (!done) throw std::runtime_error(problem);
}

}  // namespace cordon::test
