"""Numbers to what people read: tables, figures, the page of claims, the report."""
