        let condition_operand = condition;
