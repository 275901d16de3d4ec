#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

namespace cordon::test {

/// A TCP proxy on loopback that passes bytes as they come, until one of them is the wrong one. It knows nothing of what
/// it carries. Any thread.
class ByteProxy {
 public:
  enum class Direction { Request, Answer };
  enum class Deed {
    Reset,     ///< RST to the client
    Truncate,  ///< FIN to the client: the end, before its time
    Stall      ///< the connection stays open and nothing passes in either direction
  };
  /// Once `offset` bytes have passed in this direction, on all connections together, counted from the arming.
  struct Strike {
    Direction direction;
    std::size_t offset;
    Deed deed;
  };
  struct Traffic {
    std::size_t request, answer;
  };

  explicit ByteProxy(int upstream_port);
  ~ByteProxy();
  ByteProxy(const ByteProxy &) = delete;
  ByteProxy &operator=(const ByteProxy &) = delete;

  int port() const { return port_; }
  /// Happens once. What was armed and has not happened is forgotten. Counting begins anew.
  void arm(Strike strike);
  /// Counting begins anew, with nothing armed.
  void disarm();
  bool has_struck() const;
  /// Bytes since the last arming.
  Traffic traffic() const;
  int connections() const;

  /// Stalled connections pass on what was held back.
  void release();
  /// Every connection that is open now dies when the next byte of a request comes.
  void doom_all();
  /// Every connection is reset.
  void cut_all();

 private:
  struct Pair;
  void run();
  void accept_one();
  bool pump(Pair &pair, Direction direction);
  bool strike(Pair &pair, Deed deed);
  static bool end(Pair &pair, Deed deed);
  void wake();

  int upstream_port_;
  int listener_ = -1;
  int port_ = 0;
  int bell_[2] = {-1, -1};
  mutable std::mutex mutex_;
  std::list<Pair> pairs_;
  std::optional<Strike> armed_;
  bool struck_ = false;
  Traffic traffic_{0, 0};
  int connections_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace cordon::test
