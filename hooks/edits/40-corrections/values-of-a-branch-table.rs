let stand_where_expected = equal_heights && values.span() == default_branch_params.temp_slots().span();
let requires_branch_copies = required_temp_copies && !stand_where_expected;
