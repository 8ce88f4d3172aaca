all(wasmi_use_tail_calls, not(debug_assertions), not(coverage))
