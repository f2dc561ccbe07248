"""What everything that happens in a lab shares: namespaces, the product's processes, endpoints, captures."""
