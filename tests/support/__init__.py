"""What tests share: strategies, naive twins, servers, hostile input."""
