#pragma once

#include <coroutine>

namespace cordon::loop {

/// A node that is in at most one list and leaves it by itself when it is destroyed: a suspended coroutine's frame may
/// be dropped at any time without anybody being told. [loop]
class Link {
 public:
  Link() noexcept : previous_(this), next_(this) {}
  ~Link() { unlink(); }
  Link(const Link &) = delete;
  Link &operator=(const Link &) = delete;

  bool linked() const noexcept { return next_ != this; }
  void unlink() noexcept {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = this;
  }

 private:
  template <class T>
  friend class List;
  Link *previous_;
  Link *next_;
};

/// An intrusive list of T (derived from Link); owns nothing.
template <class T>
class List {
 public:
  bool empty() const noexcept { return !head_.linked(); }
  void push_back(T &node) noexcept {
    Link &link = node;
    link.unlink();
    link.previous_ = head_.previous_;
    link.next_ = &head_;
    head_.previous_->next_ = &link;
    head_.previous_ = &link;
  }
  T *front() noexcept { return empty() ? nullptr : static_cast<T *>(head_.next_); }
  T *pop_front() noexcept {
    T *node = front();
    if (node != nullptr) static_cast<Link *>(node)->unlink();
    return node;
  }

 private:
  Link head_;
};

/// A suspended coroutine, waiting in the list of what it waits for or in the scheduler's list of those ready to go on.
struct Waiter : Link {
  std::coroutine_handle<> handle;
};

}  // namespace cordon::loop
