import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import type { ReactNode } from "react";

interface Props {
  title: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
  /** The pages above this one. */
  above?: { text: string; href: string }[];
  /** What this page is called below them. */
  here?: string;
  children: ReactNode;
}

/** A page with its heading. */
export function Frame({ title, description, actions, above, here, children }: Props) {
  return (
    <ContentLayout
      breadcrumbs={above && <BreadcrumbGroup items={[...above, { text: here ?? "", href: location.hash }]} />}
      header={
        <Header variant="h1" description={description} actions={actions}>
          {title}
        </Header>
      }
    >
      <SpaceBetween size="l">{children}</SpaceBetween>
    </ContentLayout>
  );
}
